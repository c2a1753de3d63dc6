package serving

import (
	"bytes"
	"net/http"

	"iris/apiserver/httpio"
	"iris/internal/dataset"
	"iris/internal/scores"
)

// Prediction is the answer to POST /{model}/predict. The OpenAPI document is derived from it. Answers are written by
// appendAnswer, which needs no reflection, and a test compares its bytes with those of encoding/json.
type Prediction struct {
	Specie        string             `json:"specie,omitempty" doc:"the label, for the model iris alone" example:"setosa"`
	Logits        [][]float64        `json:"logits" nullable:"false" doc:"one row: a probability per class, in class order"`
	Label         string             `json:"label" doc:"the most probable class, or that of the decision between two classes" example:"setosa"`
	Probabilities map[string]float64 `json:"probabilities" doc:"the same probabilities by class"`
	ModelVersion  string             `json:"model_version" doc:"the version that answers" example:"3"`
	ModelID       string             `json:"model_id" doc:"the same as MLflow names it" example:"models:/iris/3"`
}

// LabelJSON is a class as pieces of JSON.
type LabelJSON struct {
	Open  []byte // up to the probabilities of a prediction of the class
	Close []byte // from there to the end of "label"
	key   []byte // its name in "probabilities"
}

// NewLabelJSON returns the pieces of a class of a model.
func NewLabelJSON(modelName, class string) LabelJSON {
	name := httpio.Quote(class)
	l := LabelJSON{Open: []byte(`{"logits":[[`), Close: []byte(`]],"label":` + name), key: []byte(name + ":")}
	if modelName == dataset.IrisModel {
		l.Open = []byte(`{"specie":` + name + `,"logits":[[`)
	}
	return l
}

// answer returns the Prediction of class best.
func (p *Predictor) answer(best int, probabilities []float64) Prediction {
	schema, version := p.Model.Schema(), p.Version
	answer := Prediction{
		Logits: [][]float64{probabilities}, Label: schema.Classes[best], Probabilities: map[string]float64{},
		ModelVersion: version.Number, ModelID: version.URI(),
	}
	if version.Model == dataset.IrisModel {
		answer.Specie = answer.Label
	}
	for i, class := range schema.Classes {
		answer.Probabilities[class] = probabilities[i]
	}
	return answer
}

// appendAnswer appends the Prediction of class best. The probabilities must be finite.
func (p *Predictor) appendAnswer(dst []byte, best int, probabilities []float64) []byte {
	dst = append(dst, p.labels[best].Open...)
	start := len(dst)
	dst = AppendNumbers(dst, probabilities)
	numbers := dst[start:]
	dst = append(dst, p.labels[best].Close...)
	dst = append(dst, `,"probabilities":{`...)
	for i, label := range p.labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		number, rest, _ := bytes.Cut(numbers, comma)
		dst = append(append(dst, label.key...), number...)
		numbers = rest
	}
	return append(dst, p.tail...)
}

var comma = []byte{','}

// AppendNumbers appends the values, which must be finite, separated by commas.
func AppendNumbers(dst []byte, values []float64) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = scores.AppendNumber(dst, v)
	}
	return dst
}

// SourceHeader is in the answer to a prediction, with SourceDisk, if the champion comes from the disk of the process.
const (
	SourceHeader = "Model-Source"
	SourceDisk   = "disk"
)

var sourceDisk = []string{SourceDisk}

// SetHeader sets the Content-Type of JSON, the version that answers, where it comes from if not from the registry, and
// the gaps of the rows.
func (p *Predictor) SetHeader(w http.ResponseWriter, gaps dataset.Gaps) {
	header := w.Header()
	header["Content-Type"], header["Model-Version"] = httpio.JSONType, p.header
	if p.FromDisk() {
		header[SourceHeader] = sourceDisk
	}
	for name, value := range GapHeaders(gaps) {
		header.Set(name, value)
	}
}
