package serving

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
)

// wantShed checks that err is a 503 that says when to come back.
func wantShed(t *testing.T, err error) {
	t.Helper()
	var p *problem.Problem
	if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") != "1" {
		t.Errorf("got %v, want a 503 with Retry-After", err)
	}
}

func TestGate_letsInAsManyAsThereArePlaces(t *testing.T) {
	g := newGate(3)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for range 50 {
				if err := g.enter(t.Context(), time.Minute); err != nil {
					t.Error(err)
					return
				}
				now := inside.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				inside.Add(-1)
				g.leave()
			}
		})
	}
	all.Wait()
	if most.Load() > 3 || g.present.Load() != 0 || g.left != 0 || len(g.waiting) != 0 {
		t.Errorf("%d at the same time; at the end %d present, %d places left, %d waiting", most.Load(), g.present.Load(),
			g.left, len(g.waiting))
	}
}

// However requests give up, no place is lost and none is made.
func TestGate_keepsItsPlaces(t *testing.T) {
	g := newGate(2)
	var inside, most, shed atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range 200 {
				err := g.enter(t.Context(), time.Duration((i+j)%4)*20*time.Microsecond)
				if err != nil {
					shed.Add(1)
					continue
				}
				now := inside.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(10 * time.Microsecond)
				inside.Add(-1)
				g.leave()
			}
		})
	}
	all.Wait()
	if most.Load() > 2 || g.present.Load() != 0 || g.left != 0 || len(g.waiting) != 0 || shed.Load() == 0 {
		t.Errorf("%d at the same time, %d shed; at the end %d present, %d places left, %d waiting",
			most.Load(), shed.Load(), g.present.Load(), g.left, len(g.waiting))
	}
	if got := testutil.ToFloat64(g.shed); got != float64(shed.Load()) {
		t.Errorf("counted %v shed, want %d", got, shed.Load())
	}
}

func TestGate_lettingGoOfAWait(t *testing.T) {
	g := newGate(1)
	if err := g.enter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wantShed(t, g.enter(t.Context(), time.Millisecond))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.enter(gone, time.Minute); !errors.Is(err, httpio.ErrHungUp) {
		t.Errorf("got %v for a client that is gone, want ErrHungUp", err)
	}
	entered := make(chan error)
	go func() { entered <- g.enter(t.Context(), time.Minute) }()
	g.leave()
	if err := <-entered; err != nil {
		t.Errorf("the next one got %v", err)
	}
}

func TestGate_firstComeFirstServed(t *testing.T) {
	g := newGate(1)
	if err := g.enter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 8)
	var all sync.WaitGroup
	for i := range 8 {
		before := g.present.Load()
		all.Go(func() {
			if err := g.enter(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
			order <- i
			g.leave()
		})
		for waiting := 0; g.present.Load() == before || waiting <= i; {
			g.mu.Lock()
			waiting = len(g.waiting)
			g.mu.Unlock()
		}
	}
	g.leave()
	all.Wait()
	for want := range 8 {
		if got := <-order; got != want {
			t.Errorf("%d came when it was the turn of %d", got, want)
		}
	}
}

func TestGate_hold(t *testing.T) {
	g := newGate(1)
	release, err := g.hold(mostBodyBytes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.hold(1)
	wantShed(t, err)
	release()
	if release, err = g.hold(1); err != nil {
		t.Error(err)
	}
	release()
	if g.bodies.Load() != 0 {
		t.Errorf("%d bytes were not given back", g.bodies.Load())
	}
}

func TestPredictor_patience(t *testing.T) {
	p := newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther)
	for _, test := range []struct{ took, want time.Duration }{
		{0, leastPatience},
		{time.Millisecond, leastPatience},
		{6 * time.Millisecond, 12 * time.Millisecond},
		{time.Second, mostPatience},
	} {
		for range 100 {
			p.observe(test.took)
		}
		if got := p.patience(); got < test.want-time.Millisecond || got > test.want {
			t.Errorf("patience %s after requests of %s, want %s", got, test.took, test.want)
		}
	}
}

// All ways to score go through the gate.
func TestGate_isAtEveryPrediction(t *testing.T) {
	p := newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther)
	p.process.gate = newGate(1)
	if err := p.process.gate.enter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	b := &scratch{body: []byte(irisRows(3))}
	x := &httpio.Exchange{ResponseWriter: httptest.NewRecorder()}
	wantShed(t, p.predictRows(x, httptest.NewRequest("POST", "/", http.NoBody), predictLimits("iris"), b))
	_, err := p.Score(t.Context(), predictLimits("iris"), nil, nil)
	wantShed(t, err)
	b = &scratch{body: []byte(`{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`)}
	b.reset(4, 3)
	wantShed(t, p.predictRow(t.Context(), b))
	p.process.gate.leave()
	b.body = []byte(`{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`)
	if err := p.predictRow(t.Context(), b); err != nil || len(b.answer) == 0 {
		t.Errorf("%v, answer %q", err, b.answer)
	}
}

// A request with many rows is turned away before its body is read, but only if there is much to do before it.
func TestPredictor_turnAway(t *testing.T) {
	p := newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther)
	g := newGate(2)
	p.process.gate = g
	request := func(size int) *http.Request {
		return httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, size)))
	}
	for _, test := range []struct {
		name          string
		present, size int
		each          time.Duration
		shed          bool
	}{
		{"nobody is there", 0, 100_000, time.Millisecond, false},
		{"all places are taken", 2, 100_000, time.Second, false},
		{"a short line", 6, 100_000, time.Millisecond, false},
		{"a long line", 40, 100_000, time.Millisecond, true},
		{"a long line of short work", 40, 100_000, time.Microsecond, false},
		{"a long line before a row", 40, 100, time.Millisecond, false},
		{"nobody knows how long the work takes", 40, 100_000, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g.present.Store(int64(test.present))
			p.typical.Store(int64(test.each))
			began := time.Now()
			err := p.turnAway(request(test.size))
			if !test.shed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantShed(t, err)
			if took := time.Since(began); took < shedDelay {
				t.Errorf("shed after %s: the client may come back at once", took)
			}
		})
	}
}
