package apiserver

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"sync"
	"sync/atomic"

	"iris/internal/dataset"
	"iris/internal/registry"
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
	*registry.Served
	rows   *dataset.RowDecoder
	header []string // Model-Version: iris/7
	labels []labelJSON
	tail   []byte // behind the probabilities
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

func newPredictor(served *registry.Served) *predictor {
	schema, version := served.Model.Schema(), served.Version
	p := &predictor{
		Served: served,
		rows:   dataset.NewRowDecoder(schema.Features),
		header: []string{version.Model + "/" + version.Number},
		tail:   []byte(`},"model_version":` + quote(version.Number) + `,"model_id":` + quote(version.URI()) + "}\n"),
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
		dst = appendNumber(dst, v)
	}
	return dst, ok
}

// appendNumber appends v as encoding/json does: the shortest form that reads back as v, in plain notation unless that
// would be long.
func appendNumber(dst []byte, v float64) []byte {
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
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

// predictors keeps the predictor of each model's champion, so that it is made once per version and not per request. The
// map is replaced, never changed: a request reads it without a lock.
type predictors struct {
	byModel atomic.Pointer[map[string]*predictor]
	writing sync.Mutex
}

// of returns the predictor of what a model serves now.
func (ps *predictors) of(modelName string, served *registry.Served) *predictor {
	if all := ps.byModel.Load(); all != nil {
		if p := (*all)[modelName]; p != nil && p.Served == served {
			return p
		}
	}
	return ps.replace(modelName, newPredictor(served))
}

func (ps *predictors) replace(modelName string, p *predictor) *predictor {
	ps.writing.Lock()
	defer ps.writing.Unlock()
	next := map[string]*predictor{}
	if all := ps.byModel.Load(); all != nil {
		maps.Copy(next, *all)
	}
	next[modelName] = p
	ps.byModel.Store(&next)
	return p
}
