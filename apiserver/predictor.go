package apiserver

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/scores"
)

// Prediction is the answer to POST /{model}/predict.
type Prediction struct {
	Specie        string             `json:"specie,omitempty" doc:"the label, for the model iris alone" example:"setosa"`
	Logits        [][]float64        `json:"logits" nullable:"false" doc:"one row: a probability per class, in class order"`
	Label         string             `json:"label" doc:"the most probable class" example:"setosa"`
	Probabilities map[string]float64 `json:"probabilities" doc:"the same probabilities by class"`
	ModelVersion  string             `json:"model_version" example:"3"`
	ModelID       string             `json:"model_id" example:"models:/iris/3"`
}

// predictor is a served version with all of an answer that does not depend on the row.
type predictor struct {
	*champions.Served
	rows   *jsonrow.Decoder
	most   int      // rows of an array
	header []string // Model-Version: iris/7
	labels []labelJSON
	tail   []byte // behind the probabilities

	duration  prometheus.Observer
	predicted prometheus.Counter // rows
}

// labelJSON is a class as pieces of JSON.
type labelJSON struct {
	open  []byte // up to the probabilities of a prediction of the class
	close []byte // from there to the end of "label"
	key   []byte // its name in "probabilities"
}

func newLabelJSON(modelName, class string) labelJSON {
	name := quote(class)
	l := labelJSON{open: []byte(`{"logits":[[`), close: []byte(`]],"label":` + name), key: []byte(name + ":")}
	if modelName == dataset.IrisModel {
		l.open = []byte(`{"specie":` + name + `,"logits":[[`)
	}
	return l
}

func newPredictor(served *champions.Served) *predictor {
	schema, version := served.Model.Schema(), served.Version
	p := &predictor{
		Served: served,
		rows:   jsonrow.NewDecoder(schema.Features),
		most:   mostRows(len(schema.Classes)),
		header: []string{version.Model + "/" + version.Number},
		tail:   []byte(`},"model_version":` + quote(version.Number) + `,"model_id":` + quote(version.URI()) + "}"),
	}
	for _, class := range schema.Classes {
		p.labels = append(p.labels, newLabelJSON(version.Model, class))
	}
	return p
}

// appendAnswer appends the Prediction of class best. It reports false when a probability is not a finite number.
func (p *predictor) appendAnswer(dst []byte, best int, probabilities []float64) ([]byte, bool) {
	dst = append(dst, p.labels[best].open...)
	start := len(dst)
	dst, ok := appendNumbers(dst, probabilities)
	numbers := dst[start:]
	dst = append(dst, p.labels[best].close...)
	dst = append(dst, `,"probabilities":{`...)
	for i, label := range p.labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		number, rest, _ := bytes.Cut(numbers, comma)
		dst = append(append(dst, label.key...), number...)
		numbers = rest
	}
	return append(dst, p.tail...), ok
}

var comma = []byte{','}

// appendNumbers appends the values, separated by commas. It reports false when one is not a finite number.
func appendNumbers(dst []byte, values []float64) ([]byte, bool) {
	ok := true
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		ok = ok && !math.IsNaN(v) && !math.IsInf(v, 0)
		dst = scores.AppendNumber(dst, v)
	}
	return dst, ok
}

// quote is s as JSON, without the escapes that only HTML needs.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // cannot happen: a string is always JSON
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

// predictors keeps a predictor of each version that is asked, by the route that asks, so that it is made once and not
// per
// request. The map is replaced, never changed: a request reads it without a lock.
type predictors struct {
	holds   func(*champions.Served) bool // whether the cache still has it
	metrics *metrics
	all     atomic.Pointer[map[asked]*predictor]
	writing sync.Mutex
}

// asked is a version and the route it is asked by.
type asked struct {
	served *champions.Served
	route  *httpio.RouteMetrics
}

func newPredictors(holds func(*champions.Served) bool, m *metrics) *predictors {
	ps := &predictors{holds: holds, metrics: m}
	ps.all.Store(&map[asked]*predictor{})
	return ps
}

// of returns the predictor of a version on a route.
func (ps *predictors) of(served *champions.Served, route *httpio.RouteMetrics) *predictor {
	key := asked{served, route}
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	ps.writing.Lock()
	defer ps.writing.Unlock()
	if p := (*ps.all.Load())[key]; p != nil {
		return p
	}
	p := newPredictor(served)
	next := ps.swept()
	p.duration = route.Version(served.Version.Model, served.Version.Number)
	p.predicted = ps.metrics.predicted.WithLabelValues(served.Version.Model, served.Version.Number)
	next[key] = p
	ps.all.Store(&next)
	return p
}

// sweep lets go of the versions that the cache has let go of.
func (ps *predictors) sweep() {
	ps.writing.Lock()
	defer ps.writing.Unlock()
	next := ps.swept()
	ps.all.Store(&next)
}

// swept is a copy of the map without the versions that the cache has let go of, whose series it deletes.
func (ps *predictors) swept() map[asked]*predictor {
	next := maps.Clone(*ps.all.Load())
	for key := range next {
		if !ps.holds(key.served) {
			v := key.served.Version
			key.route.DeleteVersion(v.Model, v.Number)
			ps.metrics.predicted.DeleteLabelValues(v.Model, v.Number)
			delete(next, key)
		}
	}
	return next
}
