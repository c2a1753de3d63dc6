package openinference

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/dataset"
	"iris/internal/inference"
	"iris/internal/inferencepb"
)

// inferenceService answers over gRPC what API answers over HTTP.
type inferenceService struct {
	inferencepb.UnimplementedGRPCInferenceServiceServer
	*API
}

// ServerLive implements inferencepb.GRPCInferenceServiceServer.
func (inferenceService) ServerLive(
	context.Context,
	*inferencepb.ServerLiveRequest,
) (*inferencepb.ServerLiveResponse, error) {
	return &inferencepb.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) ServerReady(
	context.Context,
	*inferencepb.ServerReadyRequest,
) (*inferencepb.ServerReadyResponse, error) {
	return &inferencepb.ServerReadyResponse{Ready: i.models.Ready() == nil}, nil
}

// ModelReady implements inferencepb.GRPCInferenceServiceServer. A model without a champion is not ready, and neither is
// one that does not exist: as in Triton, that is not an error.
func (i inferenceService) ModelReady(
	ctx context.Context,
	in *inferencepb.ModelReadyRequest,
) (*inferencepb.ModelReadyResponse, error) {
	_, err := i.models.Version(ctx, in.GetName(), in.GetVersion())
	if err != nil {
		status := i.handler.Translate(err).Status
		if status != http.StatusServiceUnavailable && status != http.StatusNotFound {
			return nil, err
		}
	}
	return &inferencepb.ModelReadyResponse{Ready: err == nil && !i.models.Draining()}, nil
}

// ServerMetadata implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) ServerMetadata(
	context.Context,
	*inferencepb.ServerMetadataRequest,
) (*inferencepb.ServerMetadataResponse, error) {
	server := i.server()
	return &inferencepb.ServerMetadataResponse{
		Name:       server.Name,
		Version:    server.Version,
		Extensions: server.Extensions,
	}, nil
}

// ModelMetadata implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) ModelMetadata(
	ctx context.Context,
	in *inferencepb.ModelMetadataRequest,
) (*inferencepb.ModelMetadataResponse, error) {
	served, err := i.models.Version(ctx, in.GetName(), in.GetVersion())
	if err != nil {
		return nil, err
	}
	m, err := i.model(ctx, served)
	if err != nil {
		return nil, err
	}
	config, err := configOf(served)
	if err != nil {
		return nil, err
	}
	out := &inferencepb.ModelMetadataResponse{
		Name:       m.Name,
		Versions:   m.Versions,
		Platform:   m.Platform,
		Inputs:     tensorMetadata(m.Inputs),
		Outputs:    tensorMetadata(m.Outputs),
		Properties: make(map[string]string, len(config.Parameters)),
	}
	for name, parameter := range config.Parameters {
		out.Properties[name] = parameter.StringValue
	}
	return out, nil
}

func tensorMetadata(tensors []InferenceTensor) []*inferencepb.ModelMetadataResponse_TensorMetadata {
	list := make([]*inferencepb.ModelMetadataResponse_TensorMetadata, len(tensors))
	for i, t := range tensors {
		list[i] = &inferencepb.ModelMetadataResponse_TensorMetadata{
			Name:     t.Name,
			Datatype: string(t.Datatype),
			Shape:    t.Shape,
		}
	}
	return list
}

// ModelConfig implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) ModelConfig(
	ctx context.Context,
	in *inferencepb.ModelConfigRequest,
) (*inferencepb.ModelConfigResponse, error) {
	served, err := i.models.Version(ctx, in.GetName(), in.GetVersion())
	if err != nil {
		return nil, err
	}
	c, err := configOf(served)
	if err != nil {
		return nil, err
	}
	config := &inferencepb.ModelConfig{
		Name: c.Name, Platform: c.Platform, Backend: c.Backend, MaxBatchSize: int32(c.MaxBatchSize),
		Parameters: make(map[string]*inferencepb.ModelParameter, len(c.Parameters)),
	}
	for _, t := range c.Input {
		config.Input = append(config.Input, &inferencepb.ModelInput{Name: t.Name, DataType: dataType(t), Dims: t.Dims})
	}
	for _, t := range c.Output {
		config.Output = append(config.Output, &inferencepb.ModelOutput{Name: t.Name, DataType: dataType(t), Dims: t.Dims})
	}
	for name, parameter := range c.Parameters {
		config.Parameters[name] = &inferencepb.ModelParameter{StringValue: parameter.StringValue}
	}
	return &inferencepb.ModelConfigResponse{Config: config}, nil
}

func dataType(t InferenceConfigTensor) inferencepb.DataType {
	return inferencepb.DataType(inferencepb.DataType_value[t.DataType])
}

// RepositoryIndex implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) RepositoryIndex(
	ctx context.Context,
	in *inferencepb.RepositoryIndexRequest,
) (*inferencepb.RepositoryIndexResponse, error) {
	index, err := i.index(ctx, in.GetReady())
	if err != nil {
		return nil, err
	}
	out := new(inferencepb.RepositoryIndexResponse)
	for _, e := range index {
		out.Models = append(
			out.Models,
			&inferencepb.RepositoryIndexResponse_ModelIndex{Name: e.Name, Version: e.Version, State: e.State, Reason: e.Reason},
		)
	}
	return out, nil
}

// RepositoryModelLoad implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) RepositoryModelLoad(
	ctx context.Context,
	in *inferencepb.RepositoryModelLoadRequest,
) (*inferencepb.RepositoryModelLoadResponse, error) {
	var parameters []string
	for name := range in.GetParameters() {
		parameters = append(parameters, name)
	}
	if err := i.load(ctx, in.GetModelName(), parameters); err != nil {
		return nil, err
	}
	return new(inferencepb.RepositoryModelLoadResponse), nil
}

// RepositoryModelUnload implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) RepositoryModelUnload(
	ctx context.Context,
	in *inferencepb.RepositoryModelUnloadRequest,
) (*inferencepb.RepositoryModelUnloadResponse, error) {
	if err := i.unload(ctx, in.GetModelName()); err != nil {
		return nil, err
	}
	return new(inferencepb.RepositoryModelUnloadResponse), nil
}

// ModelInfer implements inferencepb.GRPCInferenceServiceServer.
func (i inferenceService) ModelInfer(
	ctx context.Context,
	in *inferencepb.ModelInferRequest,
) (*inferencepb.ModelInferResponse, error) {
	began := time.Now()
	served, err := i.models.Version(ctx, in.GetModelName(), in.GetModelVersion())
	if err != nil {
		return nil, err
	}
	request, size, err := requestOf(in)
	if err != nil {
		return nil, err
	}
	if size > httpio.MaxSmall {
		release, err := i.models.Bulk.Take()
		defer release()
		if err != nil {
			return nil, err
		}
	}
	onUnseen := dataset.UnseenOther
	if parameter := in.GetParameters()[serving.OnUnseenName]; parameter != nil {
		if onUnseen, err = serving.ParseOnUnseen(parameter.GetStringParam()); err != nil {
			return nil, err
		}
	}
	threshold, err := thresholdOf(in.GetParameters()[serving.ThresholdName])
	if err != nil {
		return nil, err
	}
	p, err := i.models.Predictors.Of(served, i.grpcInfer, onUnseen).With(threshold, thresholdFault)
	if err != nil {
		return nil, err
	}
	result, gaps, done, err := i.infer(ctx, p, request, size)
	defer done()
	if err != nil {
		return nil, err
	}
	defer func() { p.CountSince(began, len(result.Best), gaps) }()
	header := metadata.New(serving.GapHeaders(gaps))
	if p.FromDisk() {
		header.Set(serving.SourceHeader, serving.SourceDisk)
	}
	if len(header) > 0 {
		_ = grpc.SetHeader(ctx, header) // fails only after the answer has begun
	}
	i.grpcInfer.CountOK()
	raw := len(in.GetRawInputContents()) > 0 // the answer has the form of the request
	out := &inferencepb.ModelInferResponse{ModelName: result.Model, ModelVersion: result.Version, Id: request.ID}
	for _, t := range request.Tensors(result) {
		tensor := &inferencepb.ModelInferResponse_InferOutputTensor{
			Name:     t.Name,
			Datatype: string(t.Datatype),
			Shape:    t.Shape,
		}
		out.Outputs = append(out.Outputs, tensor)
		switch {
		case raw:
			out.RawOutputContents = append(out.RawOutputContents, t.AppendRaw(nil))
		case t.Datatype == inference.FP64:
			tensor.Contents = &inferencepb.InferTensorContents{Fp64Contents: t.Floats()}
		default:
			tensor.Contents = &inferencepb.InferTensorContents{BytesContents: t.Texts()}
		}
	}
	return out, nil
}

// thresholdOf returns the threshold that a parameter has as a number or as text, nil for no parameter.
func thresholdOf(parameter *inferencepb.InferParameter) (*float64, error) {
	switch v := parameter.GetParameterChoice().(type) {
	case nil:
		return nil, nil //nolint:nilnil // most requests have none
	case *inferencepb.InferParameter_DoubleParam:
		return &v.DoubleParam, nil
	case *inferencepb.InferParameter_StringParam:
		return serving.ParseThreshold(v.StringParam, thresholdFault)
	}
	return serving.ParseThreshold("a parameter of another type", thresholdFault)
}

// requestOf returns a request as the decoder of HTTP returns it, and its approximate size in bytes.
func requestOf(in *inferencepb.ModelInferRequest) (r *inference.Request, size int, err error) {
	r = &inference.Request{ID: in.GetId()}
	raw := in.GetRawInputContents()
	if len(raw) > 0 && len(raw) != len(in.GetInputs()) {
		return nil, 0, inference.Wrong(
			"/raw_input_contents",
			"%d tensors, want the %d of inputs",
			len(raw),
			len(in.GetInputs()),
		)
	}
	for i, t := range in.GetInputs() {
		input := inference.Input{Name: t.GetName(), Datatype: inference.Datatype(t.GetDatatype()), Shape: t.GetShape()}
		switch {
		case t.GetParameters()[sharedMemory] != nil:
			return nil, 0, inference.Wrong(fmt.Sprintf("/inputs/%d", i), inference.NoSharedMemory)
		case len(raw) == 0:
			input.Values = contentsOf(t.GetDatatype(), t.GetContents())
			size += 8 * len(input.Values)
			if input.Datatype == inference.Bytes {
				input.Texts = textsOf(t.GetContents())
				for _, text := range input.Texts {
					size += len(text)
				}
			}
		case t.GetContents() != nil:
			return nil, 0, inference.Wrong(fmt.Sprintf("/inputs/%d", i), "contents are given beside raw_input_contents")
		default:
			input.Raw = raw[i]
			size += len(raw[i])
		}
		r.Inputs = append(r.Inputs, input)
	}
	for i, t := range in.GetOutputs() {
		if t.GetParameters()[sharedMemory] != nil {
			return nil, 0, inference.Wrong(fmt.Sprintf("/outputs/%d", i), inference.NoSharedMemory)
		}
		r.Outputs = append(
			r.Outputs,
			inference.Output{Name: t.GetName(), Classification: t.GetParameters()["classification"].GetInt64Param()},
		)
	}
	return r, size, nil
}

const sharedMemory = "shared_memory_region"

// contentsOf returns the elements of a tensor from the field of its datatype, nil if it has none.
func contentsOf(datatype string, c *inferencepb.InferTensorContents) []float64 {
	switch datatype {
	case "FP64":
		return c.GetFp64Contents()
	case "FP32":
		return widened(c.GetFp32Contents())
	case "INT64":
		return widened(c.GetInt64Contents())
	case "INT8", "INT16", "INT32":
		return widened(c.GetIntContents())
	case "UINT64":
		return widened(c.GetUint64Contents())
	case "UINT8", "UINT16", "UINT32":
		return widened(c.GetUintContents())
	case string(inference.Bool):
		truths := c.GetBoolContents()
		values := make([]float64, len(truths))
		for i, truth := range truths {
			if truth {
				values[i] = 1
			}
		}
		return values
	}
	return nil
}

// textsOf returns the elements of a tensor of texts. An empty text is not nil, which would be a missing value.
func textsOf(c *inferencepb.InferTensorContents) [][]byte {
	texts := slices.Clone(c.GetBytesContents())
	for i, text := range texts {
		if text == nil {
			texts[i] = []byte{}
		}
	}
	return texts
}

func widened[T float32 | int32 | int64 | uint32 | uint64](values []T) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}
