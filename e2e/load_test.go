package e2e

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"iris/model"
	"iris/workflows"
)

// Many clients at once have all their batches accepted, and each batch ends with its results.
func TestLoad_everyBatchIsAccepted(t *testing.T) {
	const (
		clients = 32
		batches = 256 // of all clients together
		name    = "load"
	)
	s := start(t)
	trained := s.train(workflows.TrainingInput{
		Model: name, DatasetURI: s.put("given/"+name+".csv", []byte(loadCSV)), Algorithm: model.GaussianNB,
	})
	// The name of the version spares the wait until the API serves the champion.
	body := []byte(`{"model_id":"` + trained.ModelID + `","data":[{"a":1,"b":2}]}`)
	var (
		mu   sync.Mutex
		ids  []string
		took []time.Duration
	)
	turns := make(chan struct{}, batches)
	for range batches {
		turns <- struct{}{}
	}
	close(turns)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range turns {
				begin := time.Now()
				got := s.call("POST", "/"+name+"/predict/batch", "application/json", body)
				var accepted task
				if got.status != http.StatusAccepted {
					t.Errorf("status %d after %s: %s", got.status, time.Since(begin), got.body)
					continue
				}
				got.want(t, http.StatusAccepted, &accepted)
				mu.Lock()
				ids, took = append(ids, accepted.ID), append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	t.Logf(
		"%d of %d batches were accepted: median %s, slowest %s",
		len(ids),
		batches,
		took[len(took)/2],
		took[len(took)-1],
	)
	for _, id := range ids {
		var result workflows.BatchResult
		if err := s.await(id, &result); err != nil || result.Rows != 1 {
			t.Errorf("%s: %d rows, %v", id, result.Rows, err)
		}
	}
}

const loadCSV = "a,b,class\n1,2,x\n2,1,x\n1,1,x\n2,2,x\n8,9,y\n9,8,y\n8,8,y\n9,9,y\n"
