package starts

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"iris/apiserver/problem"
)

// Admission refuses a request at once with 429, before anything is stored, if it has no room. The median of many must
// be below 50 ms; one of them may meet a pause of the machine.
func TestAdmit_refusesAtOnce(t *testing.T) {
	s := New(Options{AtOnce: 1, Waiting: 1, Deadline: time.Minute})
	s.running <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if _, err := s.Admit(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the waiting start ended with %v", err)
		}
	})
	defer waiter.Wait()
	defer cancel()
	for s.waiting.Load() < 1 && t.Context().Err() == nil {
		runtime.Gosched() // the waiter is about to wait
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := s.Admit(r.Context())
		var p *problem.Problem
		if !errors.As(err, &p) || p.Header.Get("Retry-After") == "" {
			t.Errorf("got %v, want a problem with Retry-After", err)
			return
		}
		w.WriteHeader(p.Status)
	}))
	defer server.Close()
	took := make([]time.Duration, 200)
	for i := range took {
		begun := time.Now()
		response, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(begun)
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("got %s, %v, want 429", response.Status, err)
		}
	}
	slices.Sort(took)
	median, slowest := took[len(took)/2], took[len(took)-1]
	t.Logf("429 after %s in the median, %s at most", median, slowest)
	if median > 50*time.Millisecond {
		t.Errorf("429 after %s in the median, want at most 50 ms", median)
	}
}
