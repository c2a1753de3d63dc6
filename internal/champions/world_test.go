package champions_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"iris/internal/champions"
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

// another returns a world with another model on the same registry.
func (w *world) another() *world { return &world{w.Another(), w.t} }

// follower is a cache whose polls and checks the test controls: before each, Run waits for the test and tells it how
// long it would have paused.
type follower struct {
	*champions.Cache
	t         *testing.T
	pauses    chan time.Duration
	wake      chan struct{}
	checks    chan time.Duration // the pauses before checks
	wakeCheck chan struct{}
	checking  bool // whether the pause before the first check is over
	stop      func() error
	swaps     chan *champions.Served
	log       *bytes.Buffer // may only be read between two polls
}

// followChampion registers n versions, promotes the first and returns a follower after its first poll.
func (w *world) followChampion(n int) *follower {
	w.t.Helper()
	for seed := range n {
		w.MustRegister(uint64(seed + 1))
	}
	w.MustPromote("1", 0)
	f := w.follow()
	f.rest()
	return f
}

// newCache returns a cache of the world's registry.
func (w *world) newCache(o champions.Options) *champions.Cache {
	w.t.Helper()
	o.Registry = w.Registry
	c, err := champions.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// follow starts a follower.
func (w *world) follow() *follower {
	w.t.Helper()
	f := &follower{
		t:         w.t,
		pauses:    make(chan time.Duration),
		wake:      make(chan struct{}),
		checks:    make(chan time.Duration),
		wakeCheck: make(chan struct{}),
		swaps:     make(chan *champions.Served, 100),
		log:       new(bytes.Buffer),
	}
	f.Cache = w.newCache(champions.Options{
		Logger: slog.New(slog.NewTextHandler(f.log, nil)),
		OnSwap: func(s *champions.Served) { f.swaps <- s },
	})
	controlled := func(pauses chan time.Duration, wake chan struct{}) func(context.Context, time.Duration) error {
		return func(ctx context.Context, d time.Duration) error {
			select {
			case pauses <- d:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-wake:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	f.SetWait(controlled(f.pauses, f.wake))
	f.SetWaitCheck(controlled(f.checks, f.wakeCheck))
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

// rest waits for the end of a poll and returns the pause after it.
func (f *follower) rest() time.Duration { return <-f.pauses }

// poll makes the cache poll once.
func (f *follower) poll() time.Duration {
	f.wake <- struct{}{}
	return f.rest()
}

// check makes the cache check MLflow once, and returns the pause after it.
func (f *follower) check() time.Duration {
	if !f.checking {
		<-f.checks
		f.checking = true
	}
	f.wakeCheck <- struct{}{}
	return <-f.checks
}

// wantServed asserts that the champion is a version that predicts, or that there is no champion if number is "".
func (f *follower) wantServed(modelName, number string) {
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
