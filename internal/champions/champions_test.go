package champions_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/registry"
	"iris/internal/registry/registrytest"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a registrytest.World with caches.
type world struct {
	*registrytest.World
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{registrytest.New(t), t}
}

// following is a cache in whose Run the test sets the pace: each poll waits for the test, which learns how long the
// cache wanted to sleep.
type following struct {
	*champions.Cache
	t     *testing.T
	naps  chan time.Duration
	wake  chan struct{}
	stop  func() error
	swaps chan *champions.Served
	log   *bytes.Buffer // read it between two polls only
}

func (w *world) follow(change func(*champions.Options)) *following {
	w.t.Helper()
	f := &following{
		t:     w.t,
		naps:  make(chan time.Duration),
		wake:  make(chan struct{}),
		swaps: make(chan *champions.Served, 100),
		log:   new(bytes.Buffer),
	}
	o := champions.Options{
		Registry: w.Registry,
		Logger:   slog.New(slog.NewTextHandler(f.log, nil)),
		OnSwap:   func(s *champions.Served) { f.swaps <- s },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if f.Cache, err = champions.New(o); err != nil {
		w.t.Fatal(err)
	}
	f.SetWait(func(ctx context.Context, d time.Duration) error {
		select {
		case f.naps <- d:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-f.wake:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	f.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	w.t.Cleanup(func() {
		if err := f.stop(); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	return f
}

// rest waits for the end of a poll.
func (f *following) rest() time.Duration { return <-f.naps }

// poll lets the cache poll once more.
func (f *following) poll() time.Duration {
	f.wake <- struct{}{}
	return f.rest()
}

// wantServed asserts which version is served, "" for none, and that it predicts.
func (f *following) wantServed(modelName, number string) {
	f.t.Helper()
	s := f.Champion(modelName)
	if s == nil || number == "" {
		if (s == nil) != (number == "") {
			f.t.Fatalf("got champion %+v, want %q", s, number)
		}
		return
	}
	if s.Version.Number != number || s.Version.Model != modelName {
		f.t.Fatalf("got champion %s, want %s", s.Version.URI(), number)
	}
	p := make([]float64, 3)
	if class := s.Model.Predict([]float64{5.1, 3.5, 1.4, 0.2}, p); class != 0 {
		f.t.Errorf("champion %s: got class %d, want 0", number, class)
	}
}

func TestNewCache_refuses(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name    string
		options champions.Options
		want    string
	}{
		{"no registry", champions.Options{}, "Registry is missing"},
		{"negative size", champions.Options{Registry: w.Registry, Bytes: -1}, "-1 bytes"},
		{"negative interval", champions.Options{Registry: w.Registry, Interval: -1}, "interval"},
		{"maximum below the interval", champions.Options{Registry: w.Registry, Interval: time.Minute, MaxInterval: time.Second}, "interval"},
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
	f := w.follow(nil)
	if nap := f.rest(); nap != time.Second {
		t.Errorf("got a nap of %s, want 1s", nap)
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
	w, other := newWorld(t), newWorld(t)
	for _, each := range []*world{w, other} {
		each.MustRegister(1)
		each.MustPromote("1", 0)
	}
	f := w.follow(nil)
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
	if got := w.LabProxy.Drain(); len(got) != 3 || testenv.CountRequests(got, "GET", "/registered-models/search") != 3 {
		t.Errorf("three polls made %v, want a search each", got)
	}
	if got := w.S3Proxy.Drain(); len(got) != 0 {
		t.Errorf("three polls asked S3 for %v, want nothing", got)
	}
}

func TestCache_championsInOrder(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	cache := w.cache(0)
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
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 0)
	f := w.follow(nil)
	f.rest()
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
					runtime.Gosched() // the servers need the processor as well
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
		if err := w.Lab.SetAlias(t.Context(), w.Model, "champion", []string{"2", "1"}[i%2]); err != nil {
			t.Error(err)
		}
		f.poll()
	}
	close(done)
	readers.Wait()
	if n := len(f.swaps); n != 7 {
		t.Errorf("got %d swaps, want 7", n)
	}
}

func TestCache_championIsFree(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustPromote("1", 0)
	f := w.follow(nil)
	f.rest()
	if n := testing.AllocsPerRun(100, func() { f.Champion(w.Model) }); n != 0 {
		t.Errorf("Champion allocates %v times, want never", n)
	}
}

func TestCache_beforeTheFirstPoll(t *testing.T) {
	w := newWorld(t)
	c, err := champions.New(champions.Options{Registry: w.Registry})
	if err != nil {
		t.Fatal(err)
	}
	if c.Check() == nil || c.Champion(w.Model) != nil {
		t.Errorf("got %v and %v, want an error and no champion", c.Check(), c.Champion(w.Model))
	}
}

// Without the test's pace: the cache sleeps by itself, follows, and ends with its context.
func TestCache_runsByItself(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	swaps := make(chan string, 10)
	c, err := champions.New(champions.Options{
		Registry: w.Registry, Interval: time.Millisecond, MaxInterval: time.Millisecond,
		OnSwap: func(s *champions.Served) {
			if s.Version.Model == w.Model {
				swaps <- s.Version.Number
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
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

func TestCache_endsInTheMiddleOfAPoll(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.LabProxy.Decide(func(*http.Request) testenv.Fate { cancel(); return testenv.Pass })
	c, err := champions.New(champions.Options{Registry: w.Registry})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestCache_refresh(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	f := w.follow(nil)
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

// A poll reads the aliases before a promotion and publishes what it read after the Refresh that followed it.
func TestCache_aSlowPollUndoesNoRefresh(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 0)
	f := w.follow(nil)
	f.rest()
	read, promoted := make(chan struct{}), make(chan struct{})
	w.LabProxy.OnAnswer("/registered-models/search", func() { close(read); <-promoted })
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

// A model deleted and made anew counts its versions from 1 again.
func TestCache_theSameNumberOfAnotherRun(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustPromote("1", 0)
	f := w.follow(nil)
	f.rest()
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
