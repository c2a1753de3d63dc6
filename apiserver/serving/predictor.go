package serving

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/frame"
	"iris/internal/jsonrow"
)

// Predictor is a served version on a route, with every part of an answer that does not depend on the row.
type Predictor struct {
	*champions.Served
	Frame *frame.Decoder
	Cells *dataset.Cells // nil if all features are numbers

	width  int            // of a row
	all    *dataset.Cells // Cells, which refuse no unseen text
	rows   *jsonrow.Decoder
	header []string // Model-Version: iris/7
	labels []LabelJSON
	tail   []byte   // of a Prediction, after the probabilities
	heads  [][]byte // by class: {"label":"setosa"
	keys   [][]byte // by class: ,"p_setosa":

	process   *process
	decided   bool          // by another threshold than that of the version
	typical   *atomic.Int64 // nanoseconds that the rows of a request have taken lately
	duration  prometheus.Observer
	predicted prometheus.Counter // rows
	unseen    prometheus.Counter // values
	missing   prometheus.Counter // values
}

// newPredictor returns a predictor of a version with these Cells.
func newPredictor(served *champions.Served, cells *dataset.Cells, onUnseen dataset.OnUnseen) *Predictor {
	schema, version := served.Model.Schema(), served.Version
	all := cells
	cells = cells.With(onUnseen)
	p := &Predictor{
		Served: served,
		Frame:  frame.NewCellDecoder(schema.Features, cells),
		Cells:  cells,
		width:  schema.Width(),
		all:    all,
		rows:   jsonrow.NewCellDecoder(schema.Features, cells),

		process: newProcess(never), // Predictors share one
		typical: new(atomic.Int64),
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
	predicted *prometheus.CounterVec // by model, version; so are the next two
	unseen    *prometheus.CounterVec
	missing   *prometheus.CounterVec
	all       atomic.Pointer[map[predictorKey]*Predictor]
	writing   sync.Mutex
}

type predictorKey struct {
	served   *champions.Served
	route    *httpio.RouteMetrics
	onUnseen dataset.OnUnseen
}

func newPredictors(holds func(*champions.Served) bool, shared *process) *Predictors {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"model", "version"})
	}
	ps := &Predictors{
		holds:   holds,
		process: shared,
		predicted: counter("iris_predicted_rows_total",
			"Rows that synchronous predictions answered, in all protocols."),
		unseen: counter("iris_unseen_values_total",
			"Texts in the rows of synchronous predictions that are not a level of their feature."),
		missing: counter("iris_missing_values_total", "Missing values in the rows of synchronous predictions."),
	}
	ps.all.Store(&map[predictorKey]*Predictor{})
	return ps
}

// Requested returns the predictor of a version on the route that w answers, as the query of r wants it.
func (ps *Predictors) Requested(w http.ResponseWriter, r *http.Request, served *champions.Served) (*Predictor, error) {
	onUnseen, err := onUnseenOf(r)
	if err != nil {
		return nil, err
	}
	threshold, err := thresholdOf(r)
	if err != nil {
		return nil, err
	}
	var p *Predictor
	if x, ok := w.(*httpio.Exchange); ok {
		p = ps.Of(served, x.Route(), onUnseen)
	} else { // a test without a Handler
		p = newPredictor(served, dataset.CellsOf(served.Model.Schema(), onUnseen), onUnseen)
	}
	return p.With(threshold, problem.Fault{Parameter: ThresholdName})
}

// Of returns the predictor of a version on a route.
func (ps *Predictors) Of(served *champions.Served, route *httpio.RouteMetrics, onUnseen dataset.OnUnseen) *Predictor {
	key := predictorKey{served, route, onUnseen}
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	ps.writing.Lock()
	defer ps.writing.Unlock()
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	next := ps.held()
	p := newPredictor(served, ps.cellsOf(served), onUnseen)
	p.process = ps.process
	p.duration = route.Version(served.Version.Model, served.Version.Number)
	p.predicted = ps.predicted.WithLabelValues(served.Version.Model, served.Version.Number)
	p.unseen = ps.unseen.WithLabelValues(served.Version.Model, served.Version.Number)
	p.missing = ps.missing.WithLabelValues(served.Version.Model, served.Version.Number)
	next[key] = p
	ps.all.Store(&next)
	return p
}

// cellsOf returns the Cells of a version, which all its predictors share.
func (ps *Predictors) cellsOf(served *champions.Served) *dataset.Cells {
	for key, p := range *ps.all.Load() {
		if key.served == served {
			return p.all
		}
	}
	return dataset.CellsOf(served.Model.Schema(), dataset.UnseenOther)
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
			for _, c := range ps.counters() {
				c.DeleteLabelValues(v.Model, v.Number)
			}
			delete(next, key)
		}
	}
	return next
}

func (ps *Predictors) counters() [3]*prometheus.CounterVec {
	return [...]*prometheus.CounterVec{ps.predicted, ps.unseen, ps.missing}
}

// Describe implements prometheus.Collector.
func (ps *Predictors) Describe(to chan<- *prometheus.Desc) {
	for _, c := range ps.counters() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (ps *Predictors) Collect(to chan<- prometheus.Metric) {
	for _, c := range ps.counters() {
		c.Collect(to)
	}
}

// Shed returns the counter of the predictions that were shed.
func (ps *Predictors) Shed() prometheus.Collector { return ps.process.gate.shed }
