// Package serving answers predictions with the versions of models that are in memory: it finds the version that a
// request names, reads rows, scores them within limits, and counts them. It does not decide which version is served,
// and the protocols of other inference servers have packages of their own, which use it.
package serving

import (
	"net/http"
	"sync/atomic"

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

	draining atomic.Bool
}

// New returns the models of a cache.
func New(o Options) *Models {
	return &Models{Options: o, Predictors: newPredictors(o.Cache.Holds, newProcess(o.Cache.FromDisk))}
}

// Drain makes every answer about readiness say no from now on, in all protocols, so that a balancer sends no more
// requests. Predictions are still answered.
func (m *Models) Drain() { m.draining.Store(true) }

// Draining reports whether Drain was called.
func (m *Models) Draining() bool { return m.draining.Load() }

// ReadRows returns the predictor of the version that a request names, and its body. The caller calls release when it is
// done with the body, also after an error.
func (m *Models) ReadRows(w http.ResponseWriter, r *http.Request) (
	p *Predictor, body []byte, release func(), err error,
) {
	served, err := m.Requested(r)
	if err != nil {
		return nil, nil, func() {}, err
	}
	body, release, err = m.Bulk.Read(r, m.MaxBody)
	return m.Predictors.Requested(w, served), body, release, err
}
