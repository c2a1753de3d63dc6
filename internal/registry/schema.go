package registry

import (
	"context"
	"errors"
	"fmt"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// Schema returns the schema that data for a model must have: that of its champion, or that of its first version until
// it has a champion. Before the first version, the model iris has the schema of the bundled data; for other models
// Schema returns ErrNotExist. A schema that a deleted model left behind does not count.
func (r *Registry) Schema(ctx context.Context, modelName string) (dataset.Schema, error) {
	if err := checkName(modelName); err != nil {
		return dataset.Schema{}, err
	}
	var s dataset.Schema
	err := r.store.GetJSON(ctx, r.bucket, objstore.ModelSchemaKey(modelName), &s)
	if err != nil && !errors.Is(err, objstore.ErrNotExist) {
		return dataset.Schema{}, fmt.Errorf("read schema of %s: %w", modelName, outage(err))
	}
	if err == nil {
		_, err = r.mlflow.GetRegisteredModel(ctx, modelName)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, mlflow.ErrNotExist) {
			return dataset.Schema{}, fmt.Errorf("look up model %s: %w", modelName, outage(err))
		}
	}
	if modelName == dataset.IrisModel {
		return dataset.Iris(), nil
	}
	return dataset.Schema{}, fmt.Errorf("schema of model %s %w", modelName, ErrNotExist)
}

// firstSchema sets the schema of a model that has none. A later version changes the schema only when it is promoted.
// MLflow counts the versions of a model that was made anew from 1 again, so version 1 also replaces the schema that the
// deleted model left behind.
func (r *Registry) firstSchema(ctx context.Context, v Version, s dataset.Schema) error {
	if v.Number == "1" {
		h, ok, err := r.headOf(ctx, v.Model)
		if err == nil && ok {
			h, err = r.align(ctx, v.Model, nil) // forgets the champion of a deleted model
		}
		if err != nil {
			return err
		}
		if h.To == "" {
			return r.writeSchema(ctx, v.Model, s)
		}
	}
	_, err := r.store.Stat(ctx, r.bucket, objstore.ModelSchemaKey(v.Model))
	if errors.Is(err, objstore.ErrNotExist) {
		return r.writeSchema(ctx, v.Model, s)
	}
	if err != nil {
		return fmt.Errorf("look up schema of %s: %w", v.Model, outage(err))
	}
	return nil
}

func (r *Registry) writeSchema(ctx context.Context, modelName string, s dataset.Schema) error {
	if _, err := r.store.PutJSON(ctx, r.bucket, objstore.ModelSchemaKey(modelName), s); err != nil {
		return fmt.Errorf("write schema of %s: %w", modelName, outage(err))
	}
	return nil
}
