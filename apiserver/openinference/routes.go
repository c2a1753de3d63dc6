package openinference

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/serving"
)

// Tag groups the operations of the protocol in the OpenAPI document.
var Tag = &huma.Tag{
	Name:        "open inference",
	Description: "The Open Inference Protocol V2, for clients of Triton and KServe.",
}

// Routes returns the routes of the protocol over HTTP.
func (a *API) Routes(docs apidoc.Schemas) []apidoc.Route {
	d := describer{docs}
	routes := []apidoc.Route{
		{
			Operation: d.get("server", prefix, "Describe the server", "Its name, version and extensions", InferenceServer{}),
			Handle:    a.handleServer,
		},
		{
			Operation: d.get("health-live", prefix+"/health/live", "Is the process alive?", "It is", InferenceLive{}),
			Handle:    a.handleLive,
		},
		{
			Operation: d.get("health-ready", prefix+"/health/ready", "Can it serve?", "It is", InferenceReady{}),
			Handle:    a.handleReady,
		},
		{
			Operation: d.get("models", prefix+"/models", "List models", "Their names", InferenceModels{}),
			Handle:    a.handleModels,
		},
	}
	for _, model := range []string{prefix + "/models/{model}", prefix + "/models/{model}/versions/{version}"} {
		routes = append(routes, []apidoc.Route{
			{Operation: d.infer(model + "/infer"), Handle: a.handleInfer},
			{
				Operation: d.get("model", model, "Describe the tensors of a model", "Its inputs and outputs", InferenceModel{}),
				Handle:    a.handleModel,
			},
			{
				Operation: d.get("model-ready", model+"/ready", "Can a model be asked?", "It can", InferenceReady{}),
				Handle:    a.handleModelReady,
			},
			{Operation: d.get("config", model+"/config", "Describe a model as Triton's configuration does",
				"The configuration", InferenceConfig{}), Handle: a.handleConfig},
		}...)
	}
	return append(routes, []apidoc.Route{
		{Operation: d.index(prefix + "/repository/index"), Handle: a.handleIndex},
		{Operation: d.load(prefix + "/repository/models/{model}/load"), Handle: a.handleLoad},
		{Operation: d.unload(prefix + "/repository/models/{model}/unload"), Handle: a.handleUnload},
	}...)
}

// InferenceRequest is an inference as JSON.
type InferenceRequest struct {
	ID         string                     `json:"id,omitempty" doc:"is returned in the answer"`
	Parameters *InferenceParameters       `json:"parameters,omitempty"`
	Inputs     []InferenceInput           `json:"inputs" nullable:"false" doc:"one tensor named input of shape [-1, features], or one per feature with its name"`
	Outputs    []InferenceRequestedOutput `json:"outputs,omitempty" nullable:"false" doc:"label and probabilities when absent"`
}

// InferenceParameters are the parameters of an inference. Others are skipped.
type InferenceParameters struct {
	Threshold *float64 `json:"threshold,omitempty" exclusiveMinimum:"0" exclusiveMaximum:"1" doc:"a row is of the positive class from this probability on, for a model of two classes; the decision of the version when absent"`
	Binary    bool     `json:"binary_data_output,omitempty" doc:"outputs follow the JSON, little-endian, unless an output says otherwise"`
}

// InferenceInput is a tensor of a request.
type InferenceInput struct {
	Name     string  `json:"name" example:"input"`
	Datatype string  `json:"datatype" doc:"UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32 or FP64; BYTES and BOOL too if the model has features that are not numbers" example:"FP64"`
	Shape    []int64 `json:"shape" nullable:"false"`
	Data     []any   `json:"data,omitempty" nullable:"false" doc:"row-major, flat or nested; numbers, strings, true or false, or null for a missing value; absent for binary data"`
}

// InferenceRequestedOutput is an output that a client requests.
type InferenceRequestedOutput struct {
	Name       string `json:"name" enum:"label,probabilities"`
	Parameters *struct {
		Binary         bool `json:"binary_data,omitempty"`
		Classification int  `json:"classification,omitempty" doc:"return this many of the most probable classes, as probability:index:label"`
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
	BinarySize int `json:"binary_data_size" doc:"bytes after the JSON"`
}

// describer describes the operations of the protocol.
type describer struct{ docs apidoc.Schemas }

// operation returns what the operations of the protocol have in common. The id of an operation on a version ends in
// -version.
func (d describer) operation(id, method, path, summary string, good *huma.Response) huma.Operation {
	if strings.Contains(path, "{version}") {
		id += "-version"
	}
	return huma.Operation{
		OperationID: "v2-" + id, Method: method, Path: path, Tags: []string{Tag.Name}, Summary: summary,
		Parameters: apidoc.PathParameters(path),
		Responses:  map[string]*huma.Response{"200": good, "default": d.docs.Answer("An error", InferenceError{})},
	}
}

func (d describer) get(id, path, summary, description string, answer any) huma.Operation {
	return d.operation(id, http.MethodGet, path, summary, d.docs.Answer(description, answer))
}

func (d describer) infer(path string) huma.Operation {
	op := d.operation("infer", http.MethodPost, path, "Classify rows given as tensors",
		d.docs.Answer("The outputs", InferenceReply{}))
	op.Description = "JSON, or JSON followed by binary tensors. The header `" + inferenceHeader +
		"` says how many bytes are JSON. Request and answer may be compressed with gzip or deflate."
	op.Parameters = append(op.Parameters, serving.OnUnseenParameter(), serving.ThresholdParameter())
	op.Responses["200"].Headers = serving.DescribeGaps()
	op.RequestBody = apidoc.Body(map[string]*huma.MediaType{
		"application/json": {Schema: d.docs.Of(InferenceRequest{}), Example: map[string]any{"inputs": []any{map[string]any{
			"name": "input", "datatype": "FP64", "shape": []int{1, 4}, "data": []float64{5.1, 3.5, 1.4, 0.2},
		}}}},
		"application/octet-stream": {},
	})
	op.Responses["200"].Content["application/octet-stream"] = &huma.MediaType{}
	return op
}

func (d describer) index(path string) huma.Operation {
	op := d.operation("index", http.MethodPost, path, "List models and whether they can be asked",
		d.docs.Answer("The models", []InferenceIndexEntry{}))
	op.RequestBody = repositoryBody(
		map[string]*huma.Schema{"ready": {Type: huma.TypeBoolean, Description: "list only the models that can be asked"}})
	return op
}

func (d describer) load(path string) huma.Operation {
	op := d.operation("load", http.MethodPost, path, "Serve the champion that the registry names now",
		&huma.Response{Description: "It is served"})
	op.RequestBody = repositoryBody(nil)
	return op
}

func (d describer) unload(path string) huma.Operation {
	op := d.operation("unload", http.MethodPost, path, "Make sure that a model is not served",
		&huma.Response{Description: "It is not served"})
	op.Description = "A model with a champion cannot be unloaded: 400."
	op.RequestBody = repositoryBody(nil)
	return op
}

// repositoryBody describes a body that may be absent.
func repositoryBody(fields map[string]*huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: fields}},
		},
	}
}
