package champions_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestNew_refuses(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name    string
		options champions.Options
		want    string
	}{
		{"no registry", champions.Options{}, "Registry is missing"},
		{"negative size", champions.Options{Registry: w.Registry, Bytes: -1}, "-1 bytes"},
		{"negative interval", champions.Options{Registry: w.Registry, Interval: -1}, "interval"},
		{
			"maximum below the interval",
			champions.Options{Registry: w.Registry, Interval: time.Minute, MaxInterval: time.Second},
			"interval",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := champions.New(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestCache_swapsWithinOnePoll(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	f := w.follow()
	if pause := f.rest(); pause != time.Second {
		t.Errorf("got a pause of %s, want 1s", pause)
	}
	f.wantServed(w.Model, "")
	if err := f.Check(); err != nil {
		t.Errorf("got %v, want nil after a poll", err)
	}
	w.MustPromote("1", 0)
	f.poll()
	f.wantServed(w.Model, "1")
	w.MustPromote("2", 1)
	f.poll()
	f.wantServed(w.Model, "2")
	for _, want := range []string{"1", "2"} {
		if got := <-f.swaps; got.Version.Number != want || got.Version.Model != w.Model {
			t.Errorf("OnSwap got %s, want %s", got.Version.URI(), want)
		}
	}
}

func TestCache_onePollOneRequest(t *testing.T) {
	w := newWorld(t)
	other := w.another()
	for _, each := range []*world{w, other} {
		each.MustRegister(1)
		each.MustPromote("1", 0)
	}
	f := w.follow()
	f.rest()
	f.wantServed(w.Model, "1")
	f.wantServed(other.Model, "1") // one cache serves all models
	w.LabProxy.Drain()
	w.S3Proxy.Drain()
	swaps := len(f.swaps)
	for range 3 {
		f.poll()
	}
	if n := len(f.swaps); n != swaps {
		t.Errorf("three polls without a change made %d swaps, want none", n-swaps)
	}
	if got := w.LabProxy.Drain(); len(got) != 0 {
		t.Errorf("three polls made %v to MLflow, want no request", got)
	}
	if got := w.S3Proxy.Drain(); len(got) != 3 || testenv.CountRequests(got, "GET", objstore.ChampionsKey) != 3 {
		t.Errorf("three polls made %v to S3, want a look at the index each", got)
	}
}

func TestCache_championsInOrder(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	cache := w.newCache(champions.Options{})
	if got := cache.Champions(); len(got) != 0 {
		t.Errorf("%d champions before one is known", len(got))
	}
	w.MustPromote("1", 0)
	if err := cache.Refresh(t.Context(), w.Model); err != nil {
		t.Fatal(err)
	}
	if got := cache.Champions(); !slices.Equal(got, []*champions.Served{cache.Champion(w.Model)}) {
		t.Errorf("champions %v, want the one of %s", got, w.Model)
	}
}

func TestCache_readersSeeWholeVersions(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(2)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			x, p := []float64{5.1, 3.5, 1.4, 0.2}, make([]float64, 3)
			for {
				select {
				case <-done:
					return
				default:
					runtime.Gosched() // the servers need the CPU, too
				}
				s := f.Champion(w.Model)
				if s == nil {
					t.Error("no champion while it was swapped")
					return
				}
				s.Model.Predict(x, p)
				if s.Model.Spec().Seed != s.Version.Seed { // each version has a seed of its own
					t.Errorf("version %s has the model of another", s.Version.Number)
					return
				}
			}
		})
	}
	for i := range 6 {
		w.MustPromote([]string{"2", "1"}[i%2], i+1)
		f.poll()
	}
	close(done)
	readers.Wait()
	if n := len(f.swaps); n != 7 {
		t.Errorf("got %d swaps, want 7", n)
	}
}

func TestCache_championDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(1)
	if n := testing.AllocsPerRun(100, func() { f.Champion(w.Model) }); n != 0 {
		t.Errorf("Champion allocates %v times, want 0", n)
	}
}

func TestCache_beforeTheFirstPoll(t *testing.T) {
	w := newWorld(t)
	c := w.newCache(champions.Options{})
	if c.Check() == nil || c.Champion(w.Model) != nil {
		t.Errorf("got %v and %v, want an error and no champion", c.Check(), c.Champion(w.Model))
	}
}

// Run sleeps and follows without the help of a test, and ends with its context.
func TestCache_run(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	swaps := make(chan string, 10)
	c := w.newCache(champions.Options{
		Interval: time.Millisecond, MaxInterval: time.Millisecond,
		OnSwap: func(s *champions.Served) {
			if s.Version.Model == w.Model {
				swaps <- s.Version.Number
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for i, want := range []string{"1", "2"} {
		w.MustPromote(want, i)
		if got := <-swaps; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestCache_runEndsDuringAPoll(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.LabProxy.Decide(func(*http.Request) testenv.Fate { cancel(); return testenv.Pass })
	c := w.newCache(champions.Options{})
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestCache_refresh(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	f := w.follow()
	f.rest()
	w.MustPromote("1", 0)
	if err := f.Refresh(t.Context(), w.Model); err != nil {
		t.Fatal(err)
	}
	f.wantServed(w.Model, "1")
	w.LabProxy.All(testenv.Refuse)
	if err := f.Refresh(t.Context(), w.Model); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.wantServed(w.Model, "1")
}

// A poll that reads the index before a promotion may end after the Refresh that follows the promotion.
func TestCache_slowPollDoesNotUndoRefresh(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(2)
	read, promoted := make(chan struct{}), make(chan struct{})
	w.S3Proxy.OnAnswer(objstore.ChampionsKey, func() { close(read); <-promoted })
	f.wake <- struct{}{}
	<-read
	w.MustPromote("2", 1)
	if err := f.Refresh(t.Context(), w.Model); err != nil {
		t.Fatal(err)
	}
	close(promoted)
	f.rest()
	f.wantServed(w.Model, "2")
	f.poll()
	f.wantServed(w.Model, "2")
	if n := len(f.swaps); n != 2 {
		t.Errorf("got %d swaps, want 2: to 1 and to 2", n)
	}
}

// MLflow counts versions from 1 again after a model was deleted and created anew.
func TestCache_sameNumberOfAnotherRun(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(1)
	if err := w.DeleteModel(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := w.MustRegister(2)
	w.MustPromote("1", 1)
	f.poll()
	f.wantServed(w.Model, "1")
	if got := f.Champion(w.Model).Version.RunID; got != again.RunID {
		t.Errorf("got the version of run %s, want that of %s", got, again.RunID)
	}
}
