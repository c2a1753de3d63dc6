package openinference

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/dataset"
	"iris/internal/inference"
)

// inferenceHeader says, in requests and answers, how many bytes of a body are JSON. Binary tensors follow them.
const inferenceHeader = "Inference-Header-Content-Length"

var binaryType = []string{"application/octet-stream"}

// thresholdFault is the place of a threshold in a request.
var thresholdFault = problem.Fault{Pointer: "/parameters/" + serving.ThresholdName}

// handleInfer classifies the rows of a request with the champion, or with the version in the path.
func (a *API) handleInfer(w http.ResponseWriter, r *http.Request) error {
	served, err := a.models.Requested(r)
	if err != nil {
		return err
	}
	header, err := jsonBytes(r)
	if err != nil {
		return err
	}
	p, err := a.models.Predictors.Requested(w, r, served)
	if err != nil {
		return err
	}
	body, release, err := a.models.ReadBody(p, r)
	defer release()
	if err != nil {
		return err
	}
	request, err := inference.Decode(body, header, p.Cells != nil)
	if err != nil {
		return err
	}
	if p, err = p.With(request.Threshold, thresholdFault); err != nil {
		return err
	}
	result, gaps, done, err := a.infer(r.Context(), p, request, len(body))
	defer done()
	if err != nil {
		return err
	}
	p.Count(w, len(result.Best), gaps)
	p.SetHeader(w, gaps)
	answer, header := request.Encode(nil, result)
	if header != inference.NoHeader {
		w.Header()["Content-Type"] = binaryType
		w.Header()[inferenceHeader] = []string{strconv.Itoa(header)}
	}
	return httpio.SendCompressed(w, r, answer)
}

// jsonBytes returns how many bytes of a body are JSON.
func jsonBytes(r *http.Request) (int, error) {
	value := r.Header.Get(inferenceHeader)
	if value == "" {
		return inference.NoHeader, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, problem.New(http.StatusBadRequest,
			fmt.Sprintf("header %s: %q is not a number of bytes", inferenceHeader, problem.Clip(value)))
	}
	return n, nil
}

// inferLimits are the limits of one inference. What exceeds them is work for a batch. 2^20 probabilities take 8 MiB in
// memory and up to three times as much as JSON.
func inferLimits(rows, classes int) serving.Limits {
	const maxRows, maxProbabilities = 100_000, 1 << 20
	return serving.Limits{
		Rows:          maxRows,
		Probabilities: maxProbabilities,
		TooMany: func(int) error {
			return problem.New(http.StatusRequestEntityTooLarge, fmt.Sprintf("%d rows of %d classes are too many for one "+
				"request: at most %d rows and %d probabilities; send less, or start a batch",
				rows, classes, maxRows, maxProbabilities))
		},
		Overflow: func(row int) error {
			return problem.New(http.StatusBadRequest,
				fmt.Sprintf("row %d: the values are too large for this model to compute with", row))
		},
	}
}

// infer scores the rows of a request of size bytes. The caller calls done after it has sent the result, also after an
// error.
func (a *API) infer(
	ctx context.Context, p *serving.Predictor, request *inference.Request, size int,
) (result *inference.Result, gaps dataset.Gaps, done func(), err error) {
	done = func() {}
	schema := p.Model.Schema()
	rows, err := request.Bind(schema.Features, p.Cells)
	if err != nil {
		return nil, gaps, done, err
	}
	classes := len(schema.Classes)
	limits := inferLimits(rows.Len(), classes)
	if limit := limits.MaxRows(classes); rows.Len() > limit {
		return nil, gaps, done, limits.TooMany(limit)
	}
	values := rows.Len() * classes
	const bytesEach = 8
	if values*bytesEach > httpio.MaxSmall && size <= httpio.MaxSmall { // a larger body has its place already
		if done, err = a.models.Bulk.Take(); err != nil {
			return nil, gaps, done, err
		}
	}
	result = &inference.Result{
		Model: p.Version.Model, Version: p.Version.Number, Classes: schema.Classes,
		Best: make([]int32, 0, rows.Len()), Probabilities: make([]float64, 0, values),
	}
	gaps, err = p.Score(ctx, limits, rowsOf(rows, schema.Width()), func(best int, probabilities []float64) error {
		result.Best = append(result.Best, int32(best))
		result.Probabilities = append(result.Probabilities, probabilities...)
		return nil
	})
	if err != nil {
		return nil, gaps, done, err
	}
	return result, gaps, done, nil
}

// rowsOf returns the source of the rows that the tensors of a request have.
func rowsOf(rows *inference.Rows, width int) serving.Source {
	return func(row func([]float64) error) error {
		x := make([]float64, width)
		for i := range rows.Len() {
			if err := rows.Row(i, x); err != nil {
				return err
			}
			if err := row(x); err != nil {
				return err
			}
		}
		return nil
	}
}
