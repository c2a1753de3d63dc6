package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
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
	served, err := s.servedFor(r)
	if err != nil {
		return err
	}
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
	result, done, err := s.infer(r.Context(), served, request, len(body))
	defer done()
	if err != nil {
		return err
	}
	s.countRows(w, served, len(result.Best))
	answer, header := request.Encode(nil, result)
	w.Header()["Content-Type"] = httpio.JSONType
	if header != inference.NoHeader {
		w.Header()["Content-Type"] = binaryType
		w.Header()[inferenceHeader] = []string{strconv.Itoa(header)}
	}
	w.Header()["Model-Version"] = []string{result.Model + "/" + result.Version}
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

// Bounds of one inference. What is beyond them is a batch.
const (
	maxInferRows          = 100_000
	maxInferProbabilities = 1 << 20 // rows by classes: 8 MiB, and up to three times as much as JSON
)

// ctxEvery is how many rows are scored between two looks at whether somebody still waits for them.
const ctxEvery = 256

// infer scores the rows of a request of so many bytes. The caller calls done once it has sent the result, also after an
// error.
func (s *Server) infer(
	ctx context.Context,
	served *champions.Served,
	request *inference.Request,
	size int,
) (result *inference.Result, done func(), err error) {
	done = func() {}
	schema := served.Model.Schema()
	rows, err := request.Bind(schema.Features)
	if err != nil {
		return nil, done, err
	}
	classes := len(schema.Classes)
	values := rows.Len() * classes
	if rows.Len() > maxInferRows || values > maxInferProbabilities {
		return nil, done, problem.New(http.StatusRequestEntityTooLarge, fmt.Sprintf(
			"%d rows of %d classes are too many for one request: at most %d rows and %d probabilities; send less, or start a batch",
			rows.Len(),
			classes,
			maxInferRows,
			maxInferProbabilities,
		))
	}
	const bytesEach = 8
	if values*bytesEach > httpio.MaxSmall && size <= httpio.MaxSmall { // a larger body has its place already
		if done, err = s.bulk.Take(); err != nil {
			return nil, done, err
		}
	}
	result = &inference.Result{
		Model: served.Version.Model, Version: served.Version.Number, Classes: schema.Classes,
		Best: make([]int32, rows.Len()), Probabilities: make([]float64, values),
	}
	x := make([]float64, len(schema.Features))
	for row := range rows.Len() {
		if row%ctxEvery == 0 && ctx.Err() != nil {
			return nil, done, fmt.Errorf("%w: %w", httpio.ErrHungUp, context.Cause(ctx))
		}
		if err := rows.Row(row, x); err != nil {
			return nil, done, err
		}
		probabilities := result.Probabilities[row*classes : (row+1)*classes]
		result.Best[row] = int32(served.Model.Predict(x, probabilities))
		if !allFinite(probabilities) {
			return nil, done, problem.New(
				http.StatusBadRequest,
				fmt.Sprintf("row %d: the values are too large for this model to compute with", row),
			)
		}
	}
	return result, done, nil
}

func allFinite(values []float64) bool {
	for _, v := range values {
		if v-v != 0 { // NaN for what is not finite
			return false
		}
	}
	return true
}
