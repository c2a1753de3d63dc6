package serving

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/frame"
)

// maxPredictions limits the bytes of an answer of AnswerPredictions, which is in memory until the last row is known to
// be good.
const maxPredictions = 32 << 20

var predictionsLimits = Limits{
	Rows:     100_000,
	TooMany:  func(limit int) error { return tooMuch(fmt.Sprintf("more than %d rows", limit)) },
	Overflow: overflow,
}

func tooMuch(what string) error {
	return problem.New(http.StatusRequestEntityTooLarge, what+": send fewer rows at a time, or a batch")
}

func overflow(row int) error {
	return FormError(frame.NoValue, "",
		fmt.Sprintf("the values of row %d are too large for this model to compute with", row))
}

// AnswerPredictions answers with {"predictions":[…]}, one prediction for each row of the source, as MLflow and KServe
// V1 do. It sends nothing before all rows are known to be good. An answer that grows large takes a place of Bulk.
func (m *Models) AnswerPredictions(w http.ResponseWriter, r *http.Request, p *Predictor, source Source) error {
	answer := append(make([]byte, 0, 512), `{"predictions":[`...)
	rows, large := 0, false
	release := func() {}
	defer func() { release() }()
	gaps, err := p.Score(r.Context(), predictionsLimits, source, func(best int, probabilities []float64) (err error) {
		switch {
		case len(answer) > maxPredictions:
			return tooMuch(fmt.Sprintf("the answer would have more than %d bytes", maxPredictions))
		case len(answer) > httpio.MaxSmall && !large:
			if release, err = m.Bulk.Take(); err != nil {
				return err
			}
			large = true
		}
		if rows > 0 {
			answer = append(answer, ',')
		}
		answer = p.appendPrediction(answer, best, probabilities)
		rows++
		return nil
	})
	if err != nil {
		return err
	}
	p.Count(w, rows, gaps)
	p.SetHeader(w, gaps)
	return httpio.Send(w, append(answer, "]}\n"...))
}

// appendPrediction appends a prediction of class best. The probabilities must be finite.
func (p *Predictor) appendPrediction(dst []byte, best int, probabilities []float64) []byte {
	dst = append(dst, p.heads[best]...)
	for i, key := range p.keys {
		dst = AppendNumbers(append(dst, key...), probabilities[i:i+1])
	}
	return append(dst, '}')
}

// FormError returns the error of rows in a form of another protocol.
func FormError(fault frame.Fault, pointer, reason string) error {
	return &frame.Error{Fault: fault, RowError: dataset.RowError{Pointer: pointer, Reason: reason}}
}

// FrameFault returns the kind of mistake in the rows. It reports false if err is not about rows.
func FrameFault(err error) (frame.Fault, bool) {
	var e *frame.Error
	if errors.As(err, &e) {
		return e.Fault, true
	}
	return 0, false
}

// DescribePredictions describes what AnswerPredictions answers.
func DescribePredictions() *huma.Response {
	prediction := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"label"}, AdditionalProperties: &huma.Schema{Type: huma.TypeNumber},
		Properties:  map[string]*huma.Schema{"label": {Type: huma.TypeString}},
		Description: "the most probable class, and `p_` with its name for the probability of each",
	}
	return &huma.Response{
		Description: "A prediction for each row; the header `Model-Version` names the version",
		Headers:     DescribeGaps(),
		Content: map[string]*huma.MediaType{
			"application/json": {
				Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"predictions"}, Properties: map[string]*huma.Schema{
					"predictions": {Type: huma.TypeArray, Items: prediction},
				}},
			},
		},
	}
}
