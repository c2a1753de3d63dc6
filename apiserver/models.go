package apiserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/apiserver/starts"
	"iris/internal/catalogue"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/registry"
)

// models answers the routes of models, their versions and their champions.
type models struct {
	registry         *registry.Registry
	cache            *champions.Cache
	catalogue        *catalogue.Catalogue // knows the batches that a version scored
	serving          *serving.Models
	tasks            *tasks
	links            links
	starts           *starts.Starts
	promotionTimeout time.Duration // of a promotion, including the promotions before it
}

// ModelPath is the model in a path. It is exported because huma reads it.
type ModelPath struct {
	Model string `path:"model" doc:"Name of a model." example:"iris"`
}

// Model is a model as GET /models lists it.
type Model struct {
	Model         string        `json:"model" example:"iris"`
	Champion      string        `json:"champion,omitempty" doc:"Number of the served version; absent if there is none."`
	LatestVersion string        `json:"latest_version,omitempty" doc:"Number of the newest version."`
	Features      []string      `json:"features,omitempty" nullable:"false" doc:"Features of the champion, in order; absent until this process has loaded it."`
	Columns       []ModelColumn `json:"columns,omitempty" nullable:"false" doc:"What the values of the champion's features are; absent if all are numbers and none may be missing."`
	Classes       []string      `json:"classes,omitempty" nullable:"false" doc:"Classes of the champion, in the order of its probabilities."`
	Links         VersionLinks  `json:"links"`
}

type modelsOutput struct {
	Body struct {
		Models []Model `json:"models" nullable:"false"`
	}
}

// list lists the models.
func (m *models) list(ctx context.Context, _ *struct{}) (*modelsOutput, error) {
	infos, err := m.serving.Known(ctx)
	if err != nil {
		return nil, err
	}
	out := new(modelsOutput)
	out.Body.Models = make([]Model, len(infos))
	for i, info := range infos {
		listed := Model{Model: info.Name, Champion: info.Champion, LatestVersion: info.LatestVersion}
		if info.LatestVersion != "" {
			listed.Links.MLflow = m.links.mlflow("models", info.Name)
		}
		if served := m.cache.Champion(info.Name); served != nil {
			schema := served.Model.Schema()
			listed.Features, listed.Classes = schema.Features, schema.Classes
			listed.Columns = columnsOf(schema)
		}
		out.Body.Models[i] = listed
	}
	return out, nil
}

// schema returns the schema that the next dataset of a model must have, nil if the model has none yet.
func (m *models) schema(ctx context.Context, name string) (*dataset.Schema, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	schema, err := m.registry.Schema(ctx, name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the schema of %s: %w", name, err)
	}
	return &schema, nil
}
