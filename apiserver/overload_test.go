package apiserver

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"iris/internal/dataset"
)

// Under many requests for many rows, each is answered whole or shed with the time to come back. Nothing else happens,
// and the next request is answered as if nothing had been.
func TestPredict_underOverload(t *testing.T) {
	a := newAPI(t)
	const clients, requests, rows = 64, 10, 1000
	body := irisRows(rows)
	want := a.do(t, "POST", "/iris/predict", body)
	if want.status != http.StatusOK {
		t.Fatal(want)
	}
	var answered, shed atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range requests {
				got := a.do(t, "POST", "/iris/predict", body)
				switch {
				case got.status == http.StatusOK && string(got.body) == string(want.body):
					answered.Add(1)
				case got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "1":
					shed.Add(1)
				default:
					t.Errorf("status %d: %.200s", got.status, got.body)
				}
			}
		})
	}
	all.Wait()
	if answered.Load() == 0 {
		t.Error("no request was answered")
	}
	t.Logf("%d answered, %d shed", answered.Load(), shed.Load())
	for _, path := range []string{"/iris/predict", "/" + dataset.IrisModel + "/versions/1/predict"} {
		if got := a.do(t, "POST", path, body); got.status != http.StatusOK {
			t.Errorf("%s afterwards: %s", path, got)
		}
	}
}
