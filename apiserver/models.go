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
	"iris/internal/dataset"
	"iris/internal/registry"
	"iris/model"
)

// Model is a model as GET /models lists it.
type Model struct {
	Model         string       `json:"model" example:"iris"`
	Champion      string       `json:"champion,omitempty" doc:"number of the version that is served; absent when there is none"`
	LatestVersion string       `json:"latest_version,omitempty" doc:"number of the newest version"`
	Features      []string     `json:"features,omitempty" nullable:"false" doc:"what the champion takes, in order; absent until this process has loaded it"`
	Classes       []string     `json:"classes,omitempty" nullable:"false" doc:"what the champion tells apart, in the order of its probabilities"`
	Links         VersionLinks `json:"links"`
}

// Version is a version of a model.
type Version struct {
	Model           string             `json:"model" example:"iris"`
	Version         string             `json:"version" example:"3"`
	ModelID         string             `json:"model_id" doc:"what a batch takes as model_id" example:"models:/iris/3"`
	LoggedModelID   string             `json:"logged_model_id" doc:"MLflow's m-…"`
	RunID           string             `json:"run_id" doc:"MLflow's run that trained it"`
	TaskID          string             `json:"task_id" doc:"the training that made it"`
	Algorithm       model.Algorithm    `json:"algorithm"`
	Seed            uint64             `json:"seed"`
	Hyperparameters map[string]any     `json:"hyperparameters,omitempty" doc:"all of them, with their values"`
	ClassWeight     any                `json:"class_weight,omitempty" doc:"what a row of each class counted in training: balanced, or weights by class; absent when every row counted the same"`
	Features        []string           `json:"features,omitempty" nullable:"false" doc:"what it takes, in order; in a list absent of versions of very many"`
	Classes         []string           `json:"classes,omitempty" nullable:"false" doc:"what it tells apart, in the order of its probabilities"`
	LabelColumn     string             `json:"label_column,omitempty" doc:"the class column it was trained with"`
	SplitSeed       uint64             `json:"split_seed" doc:"of which rows were held out"`
	GitCommit       string             `json:"git_commit,omitempty" doc:"of the code that trained it"`
	TestSize        float64            `json:"test_size" doc:"share of the rows that was held out"`
	Dataset         string             `json:"dataset" doc:"SHA-256 of the CSV it was trained on"`
	Metrics         map[string]float64 `json:"metrics" doc:"on the held-out rows"`
	Aliases         []string           `json:"aliases" nullable:"false" doc:"champion, when it is the one that is served"`
	Description     string             `json:"description,omitempty"`
	Gate            string             `json:"gate,omitempty" doc:"what the gate decided: promoted, kept, needs_approval, waiting_for_approval, rejected or withheld"`
	GateReason      string             `json:"gate_reason,omitempty" doc:"why"`
	Tags            map[string]string  `json:"tags,omitempty" doc:"of the request that trained it"`
	CreatedAt       time.Time          `json:"created_at"`
	Links           VersionLinks       `json:"links"`
}

// VersionLinks are pages of MLflow.
type VersionLinks struct {
	MLflow string `json:"mlflow,omitempty"`
}

type modelInput struct {
	Model string `path:"model" doc:"name of a model" example:"iris"`
}

type modelsOutput struct {
	Body struct {
		Models []Model `json:"models" nullable:"false"`
	}
}

func (s *Server) getModels(ctx context.Context, _ *struct{}) (*modelsOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	infos, err := s.Registry.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	out := new(modelsOutput)
	out.Body.Models = make([]Model, 0, len(infos))
	for _, info := range infos {
		m := Model{Model: info.Name, Champion: info.Champion, LatestVersion: info.LatestVersion}
		if info.LatestVersion != "" {
			m.Links.MLflow = s.links.mlflow("models", info.Name)
		}
		if served := s.Cache.Champion(info.Name); served != nil {
			schema := served.Model.Schema()
			m.Features, m.Classes = schema.Features, schema.Classes
		}
		out.Body.Models = append(out.Body.Models, m)
	}
	return out, nil
}

type versionsOutput struct {
	Body struct {
		Model    string    `json:"model"`
		Versions []Version `json:"versions" nullable:"false" doc:"newest first"`
	}
}

func (s *Server) getVersions(ctx context.Context, in *modelInput) (*versionsOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	versions, err := s.Registry.Versions(ctx, in.Model)
	switch {
	case errors.Is(err, registry.ErrNotExist), errors.Is(err, registry.ErrBadReference):
		return nil, problem.NotFound("there is no model %q", problem.Clip(in.Model))
	case err != nil:
		return nil, fmt.Errorf("list the versions of %s: %w", in.Model, err)
	}
	out := new(versionsOutput)
	out.Body.Model = in.Model
	out.Body.Versions = make([]Version, 0, len(versions))
	for _, v := range versions {
		out.Body.Versions = append(out.Body.Versions, s.versionView(v))
	}
	return out, nil
}

type versionInput struct {
	Model   string `path:"model" doc:"name of a model" example:"iris"`
	Version string `path:"version" doc:"number of a version, or an alias such as champion" example:"3"`
}

type versionOutput struct{ Body Version }

func (s *Server) getVersion(ctx context.Context, in *versionInput) (*versionOutput, error) {
	if err := s.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	v, err := s.Registry.Resolve(ctx, in.Model, serving.VersionReference(in.Model, in.Version))
	switch {
	case errors.Is(err, registry.ErrNotExist),
		errors.Is(err, registry.ErrBadReference),
		errors.Is(err, registry.ErrWrongModel):
		return nil, problem.NotFound("there is no version %q of model %s", problem.Clip(in.Version), in.Model)
	case err != nil:
		return nil, fmt.Errorf("read version %s of %s: %w", problem.Clip(in.Version), in.Model, err)
	}
	if v.Recipe == nil {
		v.Recipe, err = s.recipe(ctx, v)
	}
	return &versionOutput{Body: s.versionView(v)}, err
}

// recipe reads what a version was trained as from its artifact, nil when that cannot be used.
func (s *Server) recipe(ctx context.Context, v registry.Version) (*registry.Recipe, error) {
	served, err := s.Cache.Version(ctx, v.Model, v.Number)
	switch {
	case errors.Is(err, registry.ErrCorrupt):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("load version %s of %s: %w", v.Number, v.Model, err)
	}
	return registry.RecipeOf(served.Model), nil
}

func (s *Server) versionView(v registry.Version) Version {
	view := Version{
		Model: v.Model, Version: v.Number, ModelID: v.URI(), LoggedModelID: v.LoggedModelID, RunID: v.RunID, TaskID: v.TaskID,
		Algorithm: v.Algorithm, Seed: v.Seed, TestSize: v.Split.TestSize, Dataset: v.DatasetSHA256,
		Metrics: v.Metrics, Aliases: v.Aliases, Description: v.Description, CreatedAt: v.CreatedAt,
		SplitSeed: v.Split.Seed, GitCommit: v.GitCommit, Gate: v.Gate, GateReason: v.GateReason, Tags: v.Tags,
	}
	view.Links.MLflow = s.links.mlflow("models", v.Model, "versions", v.Number)
	if v.Recipe == nil {
		return view
	}
	view.Features, view.Classes, view.LabelColumn = v.Recipe.Schema.Features, v.Recipe.Schema.Classes, v.Recipe.Schema.Label
	if weight := v.Recipe.Spec.ClassWeight; weight != nil {
		view.ClassWeight = weight
	}
	if err := json.Unmarshal(v.Recipe.Spec.Hyperparameters, &view.Hyperparameters); err != nil {
		view.Hyperparameters = nil // of a version that somebody else has written
	}
	return view
}

// schema is what a model's next CSV is compared with, nil when the model has none yet.
func (s *Server) schema(ctx context.Context, name string) (*dataset.Schema, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	schema, err := s.Registry.Schema(ctx, name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the schema of %s: %w", name, err)
	}
	return &schema, nil
}
