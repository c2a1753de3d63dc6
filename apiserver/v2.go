package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/inference"
)

// The Open Inference Protocol V2 over HTTP, as the clients of Triton and KServe speak it. What is about tensors is in
// package inference; the same calls over gRPC are in grpc.go.

const (
	inferencePrefix = "/v2"
	// inferenceHeader says, in requests and answers, how many bytes of a body are JSON; binary tensors are behind them.
	inferenceHeader = "Inference-Header-Content-Length"
)

// openInferenceRoutes adds the routes of the protocol.
func (s *Server) openInferenceRoutes() {
	s.plain(s.inferenceServerOperation(inferencePrefix), s.handleInferenceServer)
	s.plain(s.inferenceHealthOperation("live", "Is the process alive?"), s.handleInferenceLive)
	s.plain(s.inferenceHealthOperation("ready", "Can it serve?"), s.handleInferenceReady)
	s.plain(s.inferenceModelsOperation("/v2/models"), s.handleInferenceModels)
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		s.plain(s.inferOperation(model+"/infer"), s.handleInfer)
		s.plain(s.inferenceModelOperation(model), s.handleInferenceModel)
		s.plain(s.inferenceModelReadyOperation(model+"/ready"), s.handleInferenceModelReady)
		s.plain(s.inferenceConfigOperation(model+"/config"), s.handleInferenceConfig)
	}
	s.plain(s.inferenceIndexOperation("/v2/repository/index"), s.handleInferenceIndex)
	s.plain(s.inferenceLoadOperation("/v2/repository/models/{model}/load"), s.handleInferenceLoad)
	s.plain(s.inferenceUnloadOperation("/v2/repository/models/{model}/unload"), s.handleInferenceUnload)
}

// handleInfer classifies the rows of a request, with the champion or with the version in the path.
func (s *Server) handleInfer(w http.ResponseWriter, r *http.Request) error {
	served, err := s.serving.Requested(r)
	if err != nil {
		return err
	}
	p := s.serving.Predictors.Requested(w, served)
	header, err := jsonBytes(r)
	if err != nil {
		return err
	}
	body, release, err := s.bulk.Read(r, s.MaxBody)
	defer release()
	if err != nil {
		return err
	}
	request, err := inference.Decode(body, header)
	if err != nil {
		return err
	}
	result, done, err := s.infer(r.Context(), p, request, len(body))
	defer done()
	if err != nil {
		return err
	}
	p.Count(w, len(result.Best))
	answer, header := request.Encode(nil, result)
	p.SetHeader(w)
	if header != inference.NoHeader {
		w.Header()["Content-Type"] = binaryType
		w.Header()[inferenceHeader] = []string{strconv.Itoa(header)}
	}
	return httpio.SendCompressed(w, r, answer)
}

var binaryType = []string{"application/octet-stream"}

// jsonBytes is how many bytes of a body are JSON.
func jsonBytes(r *http.Request) (int, error) {
	value := r.Header.Get(inferenceHeader)
	if value == "" {
		return inference.NoHeader, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, problem.New(
			http.StatusBadRequest,
			fmt.Sprintf("header %s: %q is no number of bytes", inferenceHeader, problem.Clip(value)),
		)
	}
	return n, nil
}

// inferLimits are the limits of one inference. What exceeds them is work for a batch. 2^20 probabilities take 8 MiB,
// and
// up to three times as much as JSON.
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
func (s *Server) infer(
	ctx context.Context, p *serving.Predictor, request *inference.Request, size int,
) (result *inference.Result, done func(), err error) {
	done = func() {}
	schema := p.Model.Schema()
	rows, err := request.Bind(schema.Features)
	if err != nil {
		return nil, done, err
	}
	classes := len(schema.Classes)
	limits := inferLimits(rows.Len(), classes)
	if limit := limits.MaxRows(classes); rows.Len() > limit {
		return nil, done, limits.TooMany(limit)
	}
	values := rows.Len() * classes
	const bytesEach = 8
	if values*bytesEach > httpio.MaxSmall && size <= httpio.MaxSmall { // a larger body has its place already
		if done, err = s.bulk.Take(); err != nil {
			return nil, done, err
		}
	}
	result = &inference.Result{
		Model: p.Version.Model, Version: p.Version.Number, Classes: schema.Classes,
		Best: make([]int32, 0, rows.Len()), Probabilities: make([]float64, 0, values),
	}
	source := func(row func([]float64) error) error {
		x := make([]float64, len(schema.Features))
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
	err = p.Score(ctx, limits, source, func(best int, probabilities []float64) error {
		result.Best = append(result.Best, int32(best))
		result.Probabilities = append(result.Probabilities, probabilities...)
		return nil
	})
	if err != nil {
		return nil, done, err
	}
	return result, done, nil
}
