package apiserver

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
)

// The words about the Open Inference Protocol in the OpenAPI document.

var inferenceTag = &huma.Tag{
	Name:        "open inference",
	Description: "The Open Inference Protocol V2, for clients of Triton and KServe.",
}

// InferenceRequest is an inference as JSON.
type InferenceRequest struct {
	ID         string                     `json:"id,omitempty" doc:"comes back in the answer"`
	Parameters *InferenceParameters       `json:"parameters,omitempty"`
	Inputs     []InferenceInput           `json:"inputs" nullable:"false" doc:"one called input of shape [-1, features], or one per feature by its name"`
	Outputs    []InferenceRequestedOutput `json:"outputs,omitempty" nullable:"false" doc:"label and probabilities when absent"`
}

// InferenceParameters are the parameters of an inference; others are skipped.
type InferenceParameters struct {
	Binary bool `json:"binary_data_output,omitempty" doc:"outputs behind the JSON, little-endian, unless an output says otherwise"`
}

// InferenceInput is a tensor of a request.
type InferenceInput struct {
	Name     string    `json:"name" example:"input"`
	Datatype string    `json:"datatype" doc:"of numbers: UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64" example:"FP64"`
	Shape    []int64   `json:"shape" nullable:"false"`
	Data     []float64 `json:"data,omitempty" nullable:"false" doc:"row-major, flat or nested; absent for binary data"`
}

// InferenceRequestedOutput is an output that a request asks for.
type InferenceRequestedOutput struct {
	Name       string `json:"name" enum:"label,probabilities"`
	Parameters *struct {
		Binary         bool `json:"binary_data,omitempty"`
		Classification int  `json:"classification,omitempty" doc:"the most probable classes, so many, as probability:index:label"`
	} `json:"parameters,omitempty"`
}

// InferenceReply is the answer to an inference.
type InferenceReply struct {
	ModelName    string            `json:"model_name" example:"iris"`
	ModelVersion string            `json:"model_version" example:"3"`
	ID           string            `json:"id,omitempty"`
	Outputs      []InferenceOutput `json:"outputs" nullable:"false"`
}

// InferenceOutput is a tensor of an answer.
type InferenceOutput struct {
	Name       string                     `json:"name" example:"label"`
	Datatype   string                     `json:"datatype" example:"BYTES"`
	Shape      []int64                    `json:"shape" nullable:"false"`
	Parameters *InferenceOutputParameters `json:"parameters,omitempty"`
	Data       []any                      `json:"data,omitempty" nullable:"false" doc:"row-major and flat; absent for binary data"`
}

// InferenceOutputParameters say where the elements of an output are.
type InferenceOutputParameters struct {
	BinarySize int `json:"binary_data_size" doc:"bytes behind the JSON"`
}

// inferenceOperation is what the operations of the protocol have in common. The id of one with a version in its path
// says so.
func (s *Server) inferenceOperation(id, method, path, summary string, good *huma.Response) huma.Operation {
	if strings.Contains(path, "{version}") {
		id += "-version"
	}
	return huma.Operation{
		OperationID: "v2-" + id, Method: method, Path: path, Tags: []string{inferenceTag.Name}, Summary: summary,
		Parameters: apidoc.PathParameters(path),
		Responses:  map[string]*huma.Response{"200": good, "default": s.docs.Answer("An error", InferenceError{})},
	}
}

func (s *Server) inferOperation(path string) huma.Operation {
	op := s.inferenceOperation(
		"infer",
		http.MethodPost,
		path,
		"Classify rows given as tensors",
		s.docs.Answer("The outputs", InferenceReply{}),
	)
	op.Description = "JSON, or JSON and binary tensors behind it, whose border is in the header `" + inferenceHeader + "`. gzip and deflate both ways."
	op.RequestBody = apidoc.Body(map[string]*huma.MediaType{
		"application/json": {Schema: s.docs.Of(InferenceRequest{}), Example: map[string]any{"inputs": []any{map[string]any{
			"name": "input", "datatype": "FP64", "shape": []int{1, 4}, "data": []float64{5.1, 3.5, 1.4, 0.2},
		}}}},
		"application/octet-stream": {},
	})
	op.Responses["200"].Content["application/octet-stream"] = &huma.MediaType{}
	return op
}

func (s *Server) inferenceServerOperation(path string) huma.Operation {
	return s.inferenceOperation(
		"server",
		http.MethodGet,
		path,
		"Describe the server",
		s.docs.Answer("Its name, version and extensions", InferenceServer{}),
	)
}

func (s *Server) inferenceHealthOperation(what, summary string) huma.Operation {
	good := s.docs.Answer("It is", InferenceLive{})
	if what == "ready" {
		good = s.docs.Answer("It is", InferenceReady{})
	}
	return s.inferenceOperation("health-"+what, http.MethodGet, inferencePrefix+"/health/"+what, summary, good)
}

func (s *Server) inferenceModelsOperation(path string) huma.Operation {
	return s.inferenceOperation(
		"models",
		http.MethodGet,
		path,
		"List models",
		s.docs.Answer("Their names", InferenceModels{}),
	)
}

func (s *Server) inferenceModelOperation(path string) huma.Operation {
	return s.inferenceOperation(
		"model",
		http.MethodGet,
		path,
		"Describe the tensors of a model",
		s.docs.Answer("Its inputs and outputs", InferenceModel{}),
	)
}

func (s *Server) inferenceModelReadyOperation(path string) huma.Operation {
	return s.inferenceOperation(
		"model-ready",
		http.MethodGet,
		path,
		"Can a model be asked?",
		s.docs.Answer("It can", InferenceReady{}),
	)
}

func (s *Server) inferenceConfigOperation(path string) huma.Operation {
	return s.inferenceOperation(
		"config",
		http.MethodGet,
		path,
		"Describe a model as Triton's configuration does",
		s.docs.Answer("The configuration", InferenceConfig{}),
	)
}

func (s *Server) inferenceIndexOperation(path string) huma.Operation {
	op := s.inferenceOperation(
		"index",
		http.MethodPost,
		path,
		"List models and whether they can be asked",
		s.docs.Answer("The models", []InferenceIndexEntry{}),
	)
	op.RequestBody = repositoryBody(
		map[string]*huma.Schema{"ready": {Type: huma.TypeBoolean, Description: "those alone that can be asked"}},
	)
	return op
}

func (s *Server) inferenceLoadOperation(path string) huma.Operation {
	op := s.inferenceOperation(
		"load",
		http.MethodPost,
		path,
		"Serve the champion that the registry names now",
		&huma.Response{Description: "It is served"},
	)
	op.RequestBody = repositoryBody(nil)
	return op
}

func (s *Server) inferenceUnloadOperation(path string) huma.Operation {
	op := s.inferenceOperation(
		"unload",
		http.MethodPost,
		path,
		"Make sure that a model is not served",
		&huma.Response{Description: "It is not served"},
	)
	op.Description = "A model with a champion is not unloaded: 400."
	op.RequestBody = repositoryBody(nil)
	return op
}

// repositoryBody is a body that may be absent.
func repositoryBody(fields map[string]*huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: fields}},
		},
	}
}
