package openinference

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/inference"
	"iris/internal/registry"
)

// InferenceServer describes the process.
type InferenceServer struct {
	Name       string   `json:"name" example:"iris"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions" nullable:"false" doc:"extensions of the protocol, by Triton's names"`
}

// InferenceModel describes a model.
type InferenceModel struct {
	Name     string            `json:"name" example:"iris"`
	Versions []string          `json:"versions" nullable:"false" doc:"the versions that can be asked, oldest first"`
	Platform string            `json:"platform" example:"onnx_onnxv1"`
	Inputs   []InferenceTensor `json:"inputs" nullable:"false"`
	Outputs  []InferenceTensor `json:"outputs" nullable:"false"`
}

// InferenceTensor describes an input or an output of a model.
type InferenceTensor struct {
	Name       string              `json:"name" example:"input"`
	Datatype   inference.Datatype  `json:"datatype" example:"FP64"`
	Shape      []int64             `json:"shape" nullable:"false" doc:"-1 is the number of rows"`
	Parameters map[string][]string `json:"parameters,omitempty" doc:"features: the columns of the input; classes: those of the probabilities"`
}

// InferenceConfig describes a model as Triton's configuration does.
type InferenceConfig struct {
	Name         string                       `json:"name" example:"iris"`
	Platform     string                       `json:"platform" example:"onnx_onnxv1"`
	Backend      string                       `json:"backend" example:"iris"`
	MaxBatchSize int                          `json:"max_batch_size" doc:"0: the rows are a dimension of the tensors"`
	Input        []InferenceConfigTensor      `json:"input" nullable:"false"`
	Output       []InferenceConfigTensor      `json:"output" nullable:"false"`
	Parameters   map[string]InferenceConstant `json:"parameters" doc:"features and classes, each a list as JSON; the decision between two classes, if the version has one"`
}

// InferenceConfigTensor is an input or an output of a configuration.
type InferenceConfigTensor struct {
	Name     string  `json:"name" example:"input"`
	DataType string  `json:"data_type" example:"TYPE_FP64"`
	Dims     []int64 `json:"dims" nullable:"false"`
}

// InferenceConstant is a parameter of a configuration.
type InferenceConstant struct {
	StringValue string `json:"string_value"`
}

// InferenceModels is the list of models, as KServe writes it.
type InferenceModels struct {
	Models []string `json:"models" nullable:"false"`
}

// InferenceLive says that the process is alive.
type InferenceLive struct {
	Live bool `json:"live"`
}

// InferenceReady says that the process, or a model, can be asked.
type InferenceReady struct {
	Name  string `json:"name,omitempty" doc:"of the model"`
	Ready bool   `json:"ready"`
}

func (a *API) server() InferenceServer {
	return InferenceServer{
		Name: serverName, Version: a.version,
		Extensions: []string{"binary_tensor_data", "classification", "model_configuration", "model_repository"},
	}
}

func (a *API) handleServer(w http.ResponseWriter, _ *http.Request) error {
	return httpio.WriteJSON(w, http.StatusOK, a.server())
}

func (a *API) handleLive(w http.ResponseWriter, _ *http.Request) error {
	return httpio.WriteJSON(w, http.StatusOK, InferenceLive{Live: true})
}

// handleReady answers for the default model, as /readyz does.
func (a *API) handleReady(w http.ResponseWriter, r *http.Request) error {
	if err := a.models.Ready(); err != nil {
		return err
	}
	return httpio.WriteJSON(w, http.StatusOK, InferenceReady{Ready: true})
}

func (a *API) handleModelReady(w http.ResponseWriter, r *http.Request) error {
	served, err := a.models.Requested(r)
	if err != nil {
		return err
	}
	if a.models.Draining() {
		return a.models.Ready()
	}
	return httpio.WriteJSON(w, http.StatusOK, InferenceReady{Name: served.Version.Model, Ready: true})
}

func (a *API) handleModel(w http.ResponseWriter, r *http.Request) error {
	served, err := a.models.Requested(r)
	if err != nil {
		return err
	}
	m, err := a.model(r.Context(), served)
	if err != nil {
		return err
	}
	return httpio.WriteJSON(w, http.StatusOK, m)
}

func (a *API) model(ctx context.Context, served *champions.Served) (InferenceModel, error) {
	versions, err := a.askableVersions(ctx, served.Version)
	if err != nil {
		return InferenceModel{}, err
	}
	schema := served.Model.Schema()
	classes := int64(len(schema.Classes))
	return InferenceModel{
		Name: served.Version.Model, Versions: versions, Platform: platform,
		Inputs: inputsOf(schema),
		Outputs: []InferenceTensor{
			{Name: inference.LabelName, Datatype: inference.Bytes, Shape: []int64{-1}},
			{
				Name: inference.ProbabilitiesName, Datatype: inference.FP64, Shape: []int64{-1, classes},
				Parameters: map[string][]string{"classes": schema.Classes},
			},
		},
	}, nil
}

// inputsOf describes the inputs of a model: one of all features if they are numbers, else one per feature.
func inputsOf(schema dataset.Schema) []InferenceTensor {
	if schema.Plain() {
		return []InferenceTensor{{
			Name: inference.InputName, Datatype: inference.FP64, Shape: []int64{-1, int64(len(schema.Features))},
			Parameters: map[string][]string{"features": schema.Features},
		}}
	}
	inputs := make([]InferenceTensor, len(schema.Features))
	for i, feature := range schema.Features {
		inputs[i] = InferenceTensor{
			Name: feature, Datatype: inference.DatatypeOf(schema.Column(i)), Shape: []int64{-1, 1},
		}
	}
	return inputs
}

// askableVersions lists the versions of a model that can be asked. While MLflow does not answer, it lists only the
// known version, which this process has in memory.
func (a *API) askableVersions(ctx context.Context, known registry.Version) ([]string, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	versions, err := a.models.Registry.Versions(ctx, known.Model)
	if err != nil {
		if a.handler.Translate(err).Status == http.StatusServiceUnavailable {
			return []string{known.Number}, nil
		}
		return nil, fmt.Errorf("list the versions of %s: %w", known.Model, err)
	}
	var numbers []string
	for _, v := range slices.Backward(versions) {
		if v.ArtifactSHA256 != "" { // Iris has registered it
			numbers = append(numbers, v.Number)
		}
	}
	return numbers, nil
}

func (a *API) handleConfig(w http.ResponseWriter, r *http.Request) error {
	served, err := a.models.Requested(r)
	if err != nil {
		return err
	}
	config, err := configOf(served)
	if err != nil {
		return err
	}
	return httpio.WriteJSON(w, http.StatusOK, config)
}

func configOf(served *champions.Served) (InferenceConfig, error) {
	schema := served.Model.Schema()
	classes := int64(len(schema.Classes))
	config := InferenceConfig{
		Name: served.Version.Model, Platform: platform, Backend: serverName,
		Output: []InferenceConfigTensor{
			{Name: inference.LabelName, DataType: "TYPE_STRING", Dims: []int64{-1}},
			{Name: inference.ProbabilitiesName, DataType: "TYPE_FP64", Dims: []int64{-1, classes}},
		},
		Parameters: map[string]InferenceConstant{},
	}
	for _, in := range inputsOf(schema) {
		datatype := "TYPE_" + string(in.Datatype)
		if in.Datatype == inference.Bytes {
			datatype = "TYPE_STRING"
		}
		config.Input = append(config.Input, InferenceConfigTensor{Name: in.Name, DataType: datatype, Dims: in.Shape})
	}
	for name, list := range map[string][]string{"features": schema.Features, "classes": schema.Classes} {
		text, err := json.Marshal(list)
		if err != nil {
			return config, fmt.Errorf("encode the %s of %s: %w", name, config.Name, err)
		}
		config.Parameters[name] = InferenceConstant{StringValue: string(text)}
	}
	for name, value := range served.Model.Decision().Params() {
		config.Parameters[name] = InferenceConstant{StringValue: value}
	}
	return config, nil
}

func (a *API) handleModels(w http.ResponseWriter, r *http.Request) error {
	infos, err := a.models.Known(r.Context())
	if err != nil {
		return err
	}
	list := InferenceModels{Models: make([]string, len(infos))}
	for i, info := range infos {
		list.Models[i] = info.Name
	}
	return httpio.WriteJSON(w, http.StatusOK, list)
}
