package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris/model"
	"iris/workflows"
)

// eventually polls until a condition holds. It is for conditions that cannot be waited for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// When a worker stops in the middle of a batch, another one continues it. The result equals that of an undisturbed
// batch byte for byte.
func TestResilience_anotherWorkerFinishesABatch(t *testing.T) {
	s := connect(t)
	stop := s.run(t, s.RunWorker)
	s.slowModel("resilient")
	const rows, id, undisturbed = 16_000, "resilient-batch", "resilient-undisturbed"
	in := workflows.BatchInput{
		Model:      "resilient",
		Rows:       s.putSlowRows("given/resilient-rows.csv", rows, 1250),
		KeyColumns: []string{"id"},
	} // eight shards
	s.startBatch(id, workflows.PriorityBulk, in)
	eventually(t, "the first shard", func() bool {
		status, ok := s.status(id)
		return ok && status.ShardsDone > 0
	})
	stop()
	s.run(t, s.RunWorker)
	s.startBatch(undisturbed, workflows.PriorityBulk, in)
	var result, want workflows.BatchResult
	if err := errors.Join(s.await(id, &result), s.await(undisturbed, &want)); err != nil {
		t.Fatal(err)
	}
	got := s.read(result.Output)
	if result.Rows != rows || bytes.Count(got, []byte("\n")) != rows+1 || !bytes.Equal(got, s.read(want.Output)) {
		t.Errorf(
			"result of %d rows in %d bytes, want those of an undisturbed batch: %d in %d",
			result.Rows,
			len(got),
			want.Rows,
			want.Output.Size,
		)
	}
}

// Promotions reach every API, no request fails on the way, and no answer mixes two versions.
func TestResilience_promotionsDropNoRequest(t *testing.T) {
	s := start(t)
	data := s.put("given/swap.csv", noisyRows(10, 600))
	for _, seed := range []uint64{1, 2} {
		s.train(
			workflows.TrainingInput{
				Model:           "swap",
				Algorithm:       model.LogisticRegression,
				DatasetURI:      data,
				Seed:            &seed,
				Hyperparameters: json.RawMessage(fmt.Sprintf(`{"l2":%d}`, seed*50)),
			},
		)
	}
	other := secondAPI(t, s)
	const row = `{"x":0.3,"y":0.2}`
	asked := []struct{ name, path, body, version string }{ // version answers; "" is the champion
		{"a row", "/swap/predict", row, ""},
		{"an array", "/swap/predict", "[" + strings.Repeat(row+`,{"x":-0.4,"y":0.1},`, 400) + row + "]", ""},
		{"the champion by its alias", "/swap/versions/@champion/predict", row, ""},
		{"a version", "/swap/versions/1/predict", row, "swap/1"},
		{"another version", "/swap/versions/2/predict", "[" + row + "]", "swap/2"},
	}
	want := make([]map[string]string, len(asked))
	for i, a := range asked {
		want[i] = map[string]string{}
		for _, version := range []string{"1", "2"} {
			s.promote(t, "swap", version)
			answer := s.call(http.MethodPost, a.path, "application/json", []byte(a.body))
			by := cmp.Or(a.version, "swap/"+version)
			if got := answer.header.Get("Model-Version"); got != by || answer.status != http.StatusOK {
				t.Fatalf("%s: the API that promoted %s answers %d by %s, want 200 by %s", a.name, version, answer.status, got, by)
			}
			const naming = `"model_version":"`
			body := string(answer.body)
			named := strings.Count(body, naming+strings.TrimPrefix(by, "swap/")+`"`)
			if named == 0 || named != strings.Count(body, naming) {
				t.Fatalf("%s: an answer by %s names another version: %.300s", a.name, by, body)
			}
			want[i][by] = body
		}
	}
	if want[0]["swap/1"] == want[0]["swap/2"] {
		t.Fatal("both versions give the same answer, so the test cannot tell them apart")
	}

	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	answers := make([]atomic.Int64, len(asked))
	for _, api := range []*iris{s, other} {
		for i, a := range asked {
			served.Go(func() {
				for ctx.Err() == nil {
					answer := api.call(http.MethodPost, a.path, "application/json", []byte(a.body))
					version := answer.header.Get("Model-Version")
					if answer.status == http.StatusServiceUnavailable && bytes.Contains(answer.body, []byte(overloaded)) {
						continue // a busy machine sheds, with or without a promotion
					}
					if answer.status != http.StatusOK || string(answer.body) != want[i][version] {
						t.Errorf("%s: status %d by %q: %.300s", a.name, answer.status, version, answer.body)
						return
					}
					answers[i].Add(1)
				}
			})
		}
	}
	for i := range 6 {
		version := []string{"1", "2"}[i%2]
		s.promote(t, "swap", version)
		promoted := time.Now()
		eventually(t, "the other API to follow", func() bool {
			served := other.Cache.Champion("swap")
			return served != nil && served.Version.Number == version
		})
		t.Logf("the other API followed after %v", time.Since(promoted).Round(time.Millisecond))
	}
	cancel()
	served.Wait()
	for i, a := range asked {
		if answers[i].Load() < 20 {
			t.Errorf("%s: %d answers during six promotions, want many more", a.name, answers[i].Load())
		}
	}
}

// overloaded is in the answer to a prediction that an API sheds.
const overloaded = "more predictions to compute"

// secondAPI starts another API with its own connections, as a second process would.
func secondAPI(t *testing.T, s *iris) *iris {
	t.Helper()
	other := connect(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other.api = "http://" + listener.Addr().String()
	other.run(t, func(ctx context.Context) error { return other.RunAPI(ctx, listener, nil) })
	return other
}

func (s *iris) promote(t *testing.T, modelName, version string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"version":%q,"actor":"test","reason":"swap"}`, version)
	s.call(http.MethodPut, "/"+modelName+"/champion", "application/json", body).want(t, http.StatusOK, nil)
}

// Without a worker a task is accepted and waits. Clients can see and cancel it.
func TestResilience_tasksWaitForAWorker(t *testing.T) {
	s := connect(t)
	api := secondAPI(t, s)
	data := s.put("given/waits.csv", noisyRows(11, 200))
	var waiting task
	api.call(http.MethodPost, "/waits/training?algorithm=logistic_regression&data_path="+data, "", nil).
		want(t, http.StatusAccepted, &waiting)
	var seen struct {
		State workflows.State `json:"state"`
	}
	api.call(http.MethodGet, "/tasks/"+waiting.ID, "", nil).want(t, http.StatusOK, &seen)
	if seen.State != workflows.Pending {
		t.Errorf("state %s without a worker, want PENDING", seen.State)
	}
	api.call(http.MethodDelete, "/tasks/"+waiting.ID, "", nil).want(t, http.StatusAccepted, nil)
	s.run(t, s.RunWorker)
	if err := s.await(waiting.ID, nil); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Errorf("ended with %v, want it cancelled", err)
	}
	api.call(http.MethodGet, "/tasks/"+waiting.ID, "", nil).want(t, http.StatusOK, &seen)
	if seen.State != workflows.Revoked {
		t.Errorf("state %s after a cancel, want REVOKED", seen.State)
	}
}

// A tree takes seconds to fit. A cancel must not wait for it, and the run must end as KILLED.
func TestResilience_cancelsAFit(t *testing.T) {
	s := start(t)
	in := workflows.TrainingInput{
		Model:      "slow",
		DatasetURI: s.put("given/slow.csv", wideRows(4500, 12)),
		Algorithm:  model.DecisionTree,
	}
	id := s.startTraining(workflows.NewTrainingID("slow"), in)
	eventually(t, "the fit to begin", func() bool {
		value, err := s.Temporal.QueryWorkflow(t.Context(), id, "", workflows.StatusQuery)
		var status workflows.Status
		return err == nil && value.Get(&status) == nil && status.Stage == "train the model"
	})
	s.call(http.MethodDelete, "/tasks/"+id, "", nil).want(t, http.StatusAccepted, nil)
	if err := s.await(id, nil); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Fatalf("ended with %v, want it cancelled", err)
	}
	experiment, err := s.MLflow.EnsureExperiment(t.Context(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.MLflow.FindRun(t.Context(), experiment, "temporal.workflow_id", id)
	if err != nil || run.Status != "KILLED" {
		t.Errorf("run %s (%v), want KILLED", run.Status, err)
	}
}

// wideRows returns rows without a pattern, so that a tree needs many splits.
func wideRows(rows, columns int) []byte {
	var b bytes.Buffer
	for c := range columns {
		fmt.Fprintf(&b, "f%d,", c)
	}
	b.WriteString("side\n")
	for r := range rows {
		for c := range columns {
			fmt.Fprintf(&b, "%d,", (r*(2*c+7919)+c*104729)%100003)
		}
		b.WriteString([]string{"a\n", "b\n"}[r*7919%13%2])
	}
	return b.Bytes()
}
