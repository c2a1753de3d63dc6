// Package serving answers predictions with the versions of models that are in memory: it finds the version that a
// request names, reads rows, scores them within limits, and counts them. It does not decide which version is served,
// and the protocols of other inference servers have packages of their own, which use it.
package serving

import (
	"context"
	"net/http"
	"slices"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/registry"
)

// Options are what Models need. All fields must be given.
type Options struct {
	Cache        *champions.Cache
	Registry     *registry.Registry
	Bulk         httpio.Bulk
	DefaultModel string // of the routes without a model
	MaxBody      int64  // bytes of the rows of a request
}

// Models are the models that requests ask.
type Models struct {
	Options
	Predictors *Predictors

	drain    func()
	draining context.Context // ends when the process starts to drain
}

// New returns the models of a cache.
func New(o Options) *Models {
	draining, drain := context.WithCancel(context.Background())
	return &Models{
		Options: o, Predictors: newPredictors(o.Cache.Holds, newProcess(o.Cache.FromDisk)), drain: drain, draining: draining,
	}
}

// Drain makes every answer about readiness say no from now on, in all protocols, so that a balancer sends no more
// requests. Predictions are still answered.
func (m *Models) Drain() { m.drain() }

// Draining reports whether Drain was called.
func (m *Models) Draining() bool { return m.draining.Err() != nil }

// OnDrain calls f after Drain was called, unless stop is called first.
func (m *Models) OnDrain(f func()) (stop func() bool) { return context.AfterFunc(m.draining, f) }

// ReadRows returns the predictor of the version that a request names, and its body. The caller calls release when it is
// done with the body, also after an error.
func (m *Models) ReadRows(w http.ResponseWriter, r *http.Request) (
	p *Predictor, body []byte, release func(), err error,
) {
	served, err := m.Requested(r)
	if err != nil {
		return nil, nil, func() {}, err
	}
	if p, err = m.Predictors.Requested(w, r, served); err != nil {
		return nil, nil, func() {}, err
	}
	body, release, err = m.ReadBody(p, r)
	return p, body, release, err
}

// tinyBody is the size in bytes of a body whose memory is not counted.
const tinyBody = 64 << 10

// roomFor returns buf with room for the body of r, at most limit bytes, and for the read that finds its end.
func roomFor(buf []byte, r *http.Request, limit int64) []byte {
	if r.ContentLength <= 0 {
		return buf
	}
	return slices.Grow(buf, max(0, int(min(r.ContentLength, limit))+1-len(buf)))
}

// ReadBody reads the body of a request for predictions by p. The caller calls release when it is done with the body,
// also after an error.
func (m *Models) ReadBody(p *Predictor, r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > m.MaxBody {
		return nil, func() {}, &http.MaxBytesError{Limit: m.MaxBody}
	}
	if err := p.turnAway(r); err != nil {
		return nil, func() {}, err
	}
	body, more, err := httpio.ReadUpTo(r.Body, roomFor(nil, r, tinyBody), tinyBody)
	if err != nil || !more {
		return body, func() {}, err
	}
	return m.readRest(r, body, m.MaxBody)
}

// readRest reads the rest of a body that has begun, at most limit bytes in all. The memory of all bodies up to
// httpio.MaxSmall is bounded together. A larger one takes a place of Bulk.
func (m *Models) readRest(r *http.Request, begun []byte, limit int64) (body []byte, release func(), err error) {
	if r.ContentLength > limit {
		return begun, func() {}, &http.MaxBytesError{Limit: limit}
	}
	size := min(limit, httpio.MaxSmall)
	if r.ContentLength > 0 {
		size = min(size, r.ContentLength)
	}
	released, err := m.Predictors.process.gate.hold(size)
	if err != nil {
		return begun, released, err
	}
	small := min(limit, httpio.MaxSmall)
	body, more, err := httpio.ReadUpTo(r.Body, roomFor(begun, r, small), small)
	if err != nil || !more {
		return body, released, err
	}
	if limit <= httpio.MaxSmall {
		return body, released, &http.MaxBytesError{Limit: limit}
	}
	place, err := m.Bulk.Take()
	release = func() { released(); place() }
	if err != nil {
		return body, release, err
	}
	if body, more, err = httpio.ReadUpTo(r.Body, body, limit); more {
		err = &http.MaxBytesError{Limit: limit}
	}
	return body, release, err
}
