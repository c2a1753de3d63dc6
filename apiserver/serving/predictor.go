package serving

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/frame"
	"iris/internal/jsonrow"
)

// Predictor is a served version on a route, with every part of an answer that does not depend on the row.
type Predictor struct {
	*champions.Served
	Frame *frame.Decoder

	rows   *jsonrow.Decoder
	header []string // Model-Version: iris/7
	labels []LabelJSON
	tail   []byte   // of a Prediction, after the probabilities
	heads  [][]byte // by class: {"label":"setosa"
	keys   [][]byte // by class: ,"p_setosa":

	process   *process
	typical   atomic.Int64 // nanoseconds that the rows of a request have taken lately
	duration  prometheus.Observer
	predicted prometheus.Counter // rows
}

func newPredictor(served *champions.Served) *Predictor {
	schema, version := served.Model.Schema(), served.Version
	p := &Predictor{
		Served: served,
		Frame:  frame.NewDecoder(schema.Features),
		rows:   jsonrow.NewDecoder(schema.Features),

		process: newProcess(never), // Predictors share one
		header:  []string{version.Model + "/" + version.Number},
		tail: []byte(
			`},"model_version":` + httpio.Quote(version.Number) + `,"model_id":` + httpio.Quote(version.URI()) + "}"),
	}
	outputs := served.Model.ONNXOutputs() // of the label, then of each class: the names that MLflow answers with
	for i, class := range schema.Classes {
		p.labels = append(p.labels, NewLabelJSON(version.Model, class))
		p.heads = append(p.heads, []byte("{"+httpio.Quote(outputs[0])+":"+httpio.Quote(class)))
		p.keys = append(p.keys, []byte(","+httpio.Quote(outputs[i+1])+":"))
	}
	return p
}

// FromDisk reports whether the champions are those that the process found on its disk, because it has not reached the
// registry yet.
func (p *Predictor) FromDisk() bool { return p.process.fromDisk() }

// Count counts the rows that the predictor has answered, and makes the duration of the request one of its version.
func (p *Predictor) Count(w http.ResponseWriter, rows int) {
	if x, ok := w.(*httpio.Exchange); ok {
		x.SetDuration(p.duration)
		p.predicted.Add(float64(rows))
	}
}

// CountSince counts a request that did not come through an httpio.Handler.
func (p *Predictor) CountSince(began time.Time, rows int) {
	p.duration.Observe(time.Since(began).Seconds())
	p.predicted.Add(float64(rows))
}

// process is what all predictors of a process share.
type process struct {
	gate     *gate
	fromDisk func() bool
}

func newProcess(fromDisk func() bool) *process { return &process{newGate(cpus()), fromDisk} }

func never() bool { return false }

// Predictors keeps a Predictor of each version by the route of its requests, so that it is made once and not per
// request. It keeps one only while the cache holds the version. The map is replaced, never changed: a request reads it
// without a lock.
type Predictors struct {
	holds     func(*champions.Served) bool
	process   *process
	predicted *prometheus.CounterVec // by model, version
	all       atomic.Pointer[map[predictorKey]*Predictor]
	writing   sync.Mutex
}

type predictorKey struct {
	served *champions.Served
	route  *httpio.RouteMetrics
}

func newPredictors(holds func(*champions.Served) bool, shared *process) *Predictors {
	ps := &Predictors{
		holds:   holds,
		process: shared,
		predicted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_predicted_rows_total", Help: "Rows that synchronous predictions answered, in all protocols.",
		}, []string{"model", "version"}),
	}
	ps.all.Store(&map[predictorKey]*Predictor{})
	return ps
}

// Requested returns the predictor of a version on the route that w answers.
func (ps *Predictors) Requested(w http.ResponseWriter, served *champions.Served) *Predictor {
	if x, ok := w.(*httpio.Exchange); ok {
		return ps.Of(served, x.Route())
	}
	return newPredictor(served) // of a test without a Handler
}

// Of returns the predictor of a version on a route.
func (ps *Predictors) Of(served *champions.Served, route *httpio.RouteMetrics) *Predictor {
	key := predictorKey{served, route}
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	ps.writing.Lock()
	defer ps.writing.Unlock()
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	next := ps.held()
	p := newPredictor(served)
	p.process = ps.process
	p.duration = route.Version(served.Version.Model, served.Version.Number)
	p.predicted = ps.predicted.WithLabelValues(served.Version.Model, served.Version.Number)
	next[key] = p
	ps.all.Store(&next)
	return p
}

// Sweep drops the versions that the cache no longer holds.
func (ps *Predictors) Sweep() {
	ps.writing.Lock()
	defer ps.writing.Unlock()
	next := ps.held()
	ps.all.Store(&next)
}

// held returns a copy of the map without the versions that the cache no longer holds, and deletes their series.
func (ps *Predictors) held() map[predictorKey]*Predictor {
	next := maps.Clone(*ps.all.Load())
	for key := range next {
		if !ps.holds(key.served) {
			v := key.served.Version
			key.route.DeleteVersion(v.Model, v.Number)
			ps.predicted.DeleteLabelValues(v.Model, v.Number)
			delete(next, key)
		}
	}
	return next
}

// Describe implements prometheus.Collector.
func (ps *Predictors) Describe(to chan<- *prometheus.Desc) { ps.predicted.Describe(to) }

// Collect implements prometheus.Collector.
func (ps *Predictors) Collect(to chan<- prometheus.Metric) { ps.predicted.Collect(to) }

// Shed returns the counter of the predictions that were shed.
func (ps *Predictors) Shed() prometheus.Collector { return ps.process.gate.shed }
