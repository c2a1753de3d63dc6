package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/registry"
	"iris/model"
)

// Version is a version of a model.
type Version struct {
	Model           string             `json:"model" example:"iris"`
	Version         string             `json:"version" example:"3"`
	URI             string             `json:"model_id" doc:"URI of the version; a batch takes it as model_id." example:"models:/iris/3"`
	LoggedModelID   string             `json:"logged_model_id" doc:"MLflow's m-…"`
	RunID           string             `json:"run_id" doc:"MLflow's run that trained the version."`
	TaskID          string             `json:"task_id" doc:"The training that made the version."`
	Algorithm       model.Algorithm    `json:"algorithm"`
	Seed            uint64             `json:"seed"`
	Hyperparameters map[string]any     `json:"hyperparameters,omitempty" doc:"All hyperparameters with their values."`
	ClassWeight     any                `json:"class_weight,omitempty" doc:"Weight of a row of each class in training: balanced, or weights by class. Absent if all rows had the same weight."`
	Decision        *model.Decision    `json:"decision,omitempty" doc:"How labels are decided between two classes. Absent if a label is the most probable class."`
	Features        []string           `json:"features,omitempty" nullable:"false" doc:"Features, in order; a list omits them for versions with very many."`
	Columns         []ModelColumn      `json:"columns,omitempty" nullable:"false" doc:"What the values of the features are; absent if all are numbers and none may be missing."`
	Classes         []string           `json:"classes,omitempty" nullable:"false" doc:"Classes, in the order of the probabilities."`
	LabelColumn     string             `json:"label_column,omitempty" doc:"The class column of the training data."`
	SplitSeed       uint64             `json:"split_seed" doc:"Seed of the hold-out."`
	GitCommit       string             `json:"git_commit,omitempty" doc:"Commit of the code that trained the version."`
	TestSize        float64            `json:"test_size" doc:"Share of the rows that was held out."`
	DatasetSHA256   string             `json:"dataset_sha256" doc:"SHA-256 of the CSV that the version was trained on."`
	Dataset         string             `json:"dataset" doc:"The older name of dataset_sha256." deprecated:"true"`
	Metrics         map[string]float64 `json:"metrics" doc:"Metrics on the held-out rows."`
	Aliases         []string           `json:"aliases" nullable:"false" doc:"Aliases; champion is that of the served version."`
	Description     string             `json:"description,omitempty"`
	Gate            string             `json:"gate,omitempty" doc:"Decision of the gate: promoted, kept, needs_approval, waiting_for_approval, rejected or withheld."`
	GateReason      string             `json:"gate_reason,omitempty" doc:"Reason of the decision."`
	Tags            map[string]string  `json:"tags,omitempty" doc:"Tags of the training request."`
	CreatedAt       time.Time          `json:"created_at"`
	Links           VersionLinks       `json:"links"`
}

// VersionLinks are pages of MLflow.
type VersionLinks struct {
	MLflow string `json:"mlflow,omitempty"`
}

type versionsInput struct{ ModelPath }

type versionsOutput struct {
	Body struct {
		Model    string    `json:"model"`
		Versions []Version `json:"versions" nullable:"false" doc:"Newest first."`
	}
}

// listVersions lists the versions of a model.
func (m *models) listVersions(ctx context.Context, in *versionsInput) (*versionsOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	versions, err := m.registry.Versions(ctx, in.Model)
	switch {
	case errors.Is(err, registry.ErrNotExist), errors.Is(err, registry.ErrBadReference):
		return nil, problem.NotFound("there is no model %q", problem.Clip(in.Model))
	case err != nil:
		return nil, fmt.Errorf("list the versions of %s: %w", in.Model, err)
	}
	out := new(versionsOutput)
	out.Body.Model = in.Model
	out.Body.Versions = make([]Version, len(versions))
	for i, v := range versions {
		out.Body.Versions[i] = m.version(v)
	}
	return out, nil
}

type versionInput struct {
	ModelPath
	Version string `path:"version" doc:"Number of a version, or an alias such as champion." example:"3"`
}

type versionOutput struct{ Body Version }

// getVersion answers with one version.
func (m *models) getVersion(ctx context.Context, in *versionInput) (*versionOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	v, err := m.find(ctx, in)
	if err != nil {
		return nil, err
	}
	if v.Recipe == nil {
		v.Recipe, err = m.recipe(ctx, v)
	}
	return &versionOutput{Body: m.version(v)}, err
}

// find returns the version that a path names.
func (m *models) find(ctx context.Context, in *versionInput) (registry.Version, error) {
	if err := m.serving.MustExist(ctx, in.Model); err != nil {
		return registry.Version{}, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	v, err := m.registry.Resolve(ctx, in.Model, serving.VersionReference(in.Model, in.Version))
	switch {
	case errors.Is(err, registry.ErrNotExist),
		errors.Is(err, registry.ErrBadReference),
		errors.Is(err, registry.ErrWrongModel):
		return v, problem.NotFound("there is no version %q of model %s", problem.Clip(in.Version), in.Model)
	case err != nil:
		return v, fmt.Errorf("read version %s of %s: %w", problem.Clip(in.Version), in.Model, err)
	}
	return v, nil
}

// recipe reads the recipe of a version from its artifact. It returns nil if the artifact is unusable.
func (m *models) recipe(ctx context.Context, v registry.Version) (*registry.Recipe, error) {
	served, err := m.cache.Version(ctx, v.Model, v.Number)
	switch {
	case errors.Is(err, registry.ErrCorrupt):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("load version %s of %s: %w", v.Number, v.Model, err)
	}
	return registry.RecipeOf(served.Model), nil
}

// version returns a version as a client sees it.
func (m *models) version(v registry.Version) Version {
	view := Version{
		Model:         v.Model,
		Version:       v.Number,
		URI:           v.URI(),
		LoggedModelID: v.LoggedModelID,
		RunID:         v.RunID,
		TaskID:        v.TaskID,
		Algorithm:     v.Algorithm,
		Seed:          v.Seed,
		SplitSeed:     v.Split.Seed,
		GitCommit:     v.GitCommit,
		TestSize:      v.Split.TestSize,
		DatasetSHA256: v.DatasetSHA256,
		Dataset:       v.DatasetSHA256,
		Metrics:       v.Metrics,
		Aliases:       v.Aliases,
		Description:   v.Description,
		Gate:          v.Gate,
		GateReason:    v.GateReason,
		Tags:          v.Tags,
		CreatedAt:     v.CreatedAt,
		Links:         VersionLinks{MLflow: m.links.mlflow("models", v.Model, "versions", v.Number)},
	}
	if v.Recipe == nil {
		return view
	}
	schema, spec := v.Recipe.Schema, v.Recipe.Spec
	view.Features, view.Classes, view.LabelColumn = schema.Features, schema.Classes, schema.Label
	view.Columns = columnsOf(schema)
	view.Decision = v.Recipe.Decision
	if spec.ClassWeight != nil {
		view.ClassWeight = spec.ClassWeight
	}
	if err := json.Unmarshal(spec.Hyperparameters, &view.Hyperparameters); err != nil {
		view.Hyperparameters = nil // another program has written the recipe
	}
	return view
}
