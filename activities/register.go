package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/report"
	"iris/model"
)

// RegisterModelInput is a candidate, with everything that its version shows.
type RegisterModelInput struct {
	ModelName         string                    `json:"model_name"`
	Dataset           Dataset                   `json:"dataset"`
	Spec              model.Spec                `json:"spec"`
	Model             TrainedModel              `json:"model"`
	Run               Run                       `json:"run"`
	Metrics           map[string]float64        `json:"metrics"`
	Intervals         map[string]model.Interval `json:"intervals,omitempty"` // of the metrics
	Report            objstore.Ref              `json:"report"`              // of EvaluateModel
	AllowSchemaChange bool                      `json:"allow_schema_change,omitempty"`
	Tags              map[string]string         `json:"tags,omitempty"` // of the request
}

// RegisteredVersion is a version of a model.
type RegisteredVersion struct {
	Number string `json:"number"`
	URI    string `json:"uri"` // models:/iris/3

	Warnings []string `json:"warnings,omitempty"` // files that the version does not have
}

// RegisterModel makes a fitted model a version. Running it twice is safe: the registry finds the version of the first
// attempt by the run.
func (a *Activities) RegisterModel(ctx context.Context, in RegisterModelInput) (RegisteredVersion, error) {
	_, stop := beat(ctx)
	defer stop()
	v, err := a.registerModel(ctx, in)
	return v, translate(ctx, err)
}

func (a *Activities) registerModel(ctx context.Context, in RegisterModelInput) (RegisteredVersion, error) {
	m, encoded, err := a.load(ctx, in.Model.Artifact)
	if err != nil {
		return RegisteredVersion{}, err
	}
	// Another training may have set the schema of the model since this one began.
	if known, err := a.knownSchema(ctx, in.ModelName); err != nil {
		return RegisteredVersion{}, err
	} else if known != nil && !in.AllowSchemaChange && !known.SameFeatures(m.Schema()) {
		return RegisteredVersion{}, &model.SpecError{
			Pointer: "/model",
			Reason:  fmt.Sprintf("%s has other features by now", in.ModelName),
		}
	}
	n := notes{a: a}
	portable, err := a.portable(ctx, in.Dataset, m)
	switch {
	case errors.Is(err, model.ErrNoONNX):
		n.drop(ctx, "the version has no ONNX file, so MLflow cannot load or serve it: ONNX cannot hash text", err)
	case err != nil:
		return RegisteredVersion{}, err
	}
	lineage, err := json.MarshalIndent(in.Dataset, "", "  ")
	if err != nil {
		return RegisteredVersion{}, err
	}
	files := report.Files{}
	err = a.o.Store.GetJSON(ctx, in.Report.Bucket, in.Report.Key, &files)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		n.drop(ctx, "the version has no report on the held-out rows", err)
	case err != nil:
		return RegisteredVersion{}, err
	}
	files["dataset.json"], files["README.md"] = lineage, card(in, m, portable != nil)
	version, err := a.o.Registry.Register(ctx, registry.Candidate{
		Model:         in.ModelName,
		ExperimentID:  in.Run.ExperimentID,
		RunID:         in.Run.ID,
		TaskID:        activity.GetInfo(ctx).WorkflowExecution.ID,
		GitCommit:     a.o.GitCommit,
		Artifact:      encoded,
		Spec:          in.Spec,
		Schema:        m.Schema(),
		Decision:      m.Decision(),
		Split:         in.Model.Split,
		DatasetSHA256: in.Dataset.SHA256,
		Metrics:       in.Metrics,
		Tags:          in.Tags,
		Description: fmt.Sprintf(
			"%s on dataset %.12s (%d rows): accuracy %.4f, log loss %.4f on %d held-out rows",
			in.Spec.Algorithm,
			in.Dataset.SHA256,
			in.Dataset.Rows,
			in.Metrics["accuracy"],
			in.Metrics["log_loss"],
			in.Model.TestRows,
		),
		Files: files,
		FileFailed: func(name string, err error) error {
			return n.take(ctx, "the version has no "+name, err)
		},
		Portable: portable,
	})
	return RegisteredVersion{Number: version.Number, URI: version.URI(), Warnings: n.dropped}, err
}

// card returns the model card of a candidate. portable says that the version has an ONNX file.
func card(in RegisterModelInput, m *model.Model, portable bool) []byte {
	var outputs []string
	if portable {
		outputs = m.ONNXOutputs()
	}
	return report.Card{
		Model: in.ModelName, Spec: m.Spec(), TrainRows: in.Model.TrainRows, TestRows: in.Model.TestRows,
		Seed: in.Model.Split.Seed, Metrics: in.Metrics, Intervals: in.Intervals,
		Outputs: outputs, Decision: m.Decision(),
		SHA256: in.Dataset.SHA256, Rows: in.Dataset.Rows, Features: in.Dataset.Features, Classes: in.Dataset.Classes,
	}.Markdown()
}

// portable returns the model in ONNX for other programs. The error is model.ErrNoONNX if it has no such form.
func (a *Activities) portable(ctx context.Context, d Dataset, m *model.Model) (*mlflow.ONNXModel, error) {
	encoded, err := m.ONNX()
	if err != nil {
		return nil, err
	}
	view, err := a.view(ctx, d)
	if err != nil {
		return nil, err
	}
	schema := m.Schema()
	p := &mlflow.ONNXModel{
		ONNX: encoded, Inputs: inputColumns(&schema), Named: !schema.Plain(),
		Example: [][]any{typicalRow(&schema, view.Profile)},
	}
	for i, name := range m.ONNXOutputs() {
		kind := "double"
		if i == 0 {
			kind = "string"
		}
		p.Outputs = append(p.Outputs, mlflow.Column{Name: name, Type: kind})
	}
	return p, nil
}
