package serving

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
)

// Limits of a gate.
const (
	mostWaiting   = 1024
	shedDelay     = 25 * time.Millisecond // a client hears within 50 ms that its request is shed
	mostBodyBytes = 64 << 20              // of the bodies that wait or are computed
)

// gate bounds the work of a process. It lets as many requests compute at the same time as there are CPUs: reading,
// decoding and scoring rows in memory waits for nothing but a CPU, so more of them would only make each slower. Further
// requests wait in the order of their arrival, for as long as they have patience. Then they are shed. While a place is
// free, entering and leaving cost one atomic addition each.
type gate struct {
	places  int64
	present atomic.Int64 // requests that compute or wait
	bodies  atomic.Int64 // bytes of the large bodies in memory
	shed    prometheus.Counter

	mu      sync.Mutex
	left    int             // guarded by mu: places left to requests that are about to wait; negative for a moment
	waiting []chan struct{} // guarded by mu, in the order of arrival
}

func newGate(places int) *gate {
	return &gate{places: int64(places), shed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "iris_predictions_shed_total", Help: "Predictions that were answered with 503 because too many were running.",
	})}
}

// cpus is how many places the gate of a process has.
func cpus() int { return runtime.GOMAXPROCS(0) }

// errShed tells a client to come back soon. A second is the least that Retry-After can say.
func errShed() error {
	p := problem.Unavailable("the server has more predictions to compute than it can: try again", nil)
	p.Header = http.Header{"Retry-After": {"1"}}
	return p
}

// enter waits for a place, at most for the given time. Every request that enters must leave.
func (g *gate) enter(ctx context.Context, patience time.Duration) error {
	if g.present.Add(1) <= g.places {
		return nil
	}
	return g.wait(ctx, patience)
}

// leave gives the place to the request that has waited longest.
func (g *gate) leave() {
	if g.present.Add(-1) < g.places {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left++
	if g.left > 0 && len(g.waiting) > 0 {
		g.left--
		close(g.waiting[0])
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
}

// wait is enter without a free place.
func (g *gate) wait(ctx context.Context, patience time.Duration) error {
	g.mu.Lock()
	if g.left > 0 {
		g.left--
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	crowded := len(g.waiting) >= mostWaiting
	if !crowded {
		g.waiting = append(g.waiting, turn)
	}
	g.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var why error
	select {
	case <-turn:
		return nil
	case <-timer.C: // also for a request that found the line too long: it must not come back at once
		why = errShed()
	case <-ctx.Done():
		why = fmt.Errorf("%w: %w", httpio.ErrHungUp, context.Cause(ctx))
	}
	if !g.giveUp(turn) {
		return nil
	}
	g.shed.Inc()
	return why
}

// giveUp ends a wait. It reports false if the request has got a place at the last moment.
func (g *gate) giveUp(turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn:
		return false
	default:
	}
	if i := slices.Index(g.waiting, turn); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	if g.present.Add(-1) < g.places { // the place that a request has left, or is about to leave, was meant for this one
		g.left--
	}
	return true
}

// turnAway sheds a request whose body has not been read, if the work before it would take longer than its patience. It
// does so after a while: a client that comes back at once would otherwise take the CPUs from the requests inside.
func (g *gate) turnAway(ctx context.Context, patience, each time.Duration) error {
	if before := g.present.Load() - g.places; before <= 0 || time.Duration(before/g.places)*each <= patience {
		return nil
	}
	timer := time.NewTimer(shedDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	g.shed.Inc()
	return errShed()
}

// hold counts the bytes of a large body until release is called, and sheds the request if all of them would be too
// many.
func (g *gate) hold(size int64) (release func(), err error) {
	if g.bodies.Add(size) > mostBodyBytes {
		g.bodies.Add(-size)
		g.shed.Inc()
		return func() {}, errShed()
	}
	return func() { g.bodies.Add(-size) }, nil
}
