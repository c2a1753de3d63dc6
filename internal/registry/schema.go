package registry

import (
	"context"
	"errors"
	"fmt"

	"iris/internal/dataset"
	"iris/internal/objstore"
)

// Schema returns the schema that data for a model must have: that of its champion, or that of its first version until
// it has a champion. Before the first version, the model iris has the schema of the bundled data; for other models
// Schema returns ErrNotExist.
func (r *Registry) Schema(ctx context.Context, modelName string) (dataset.Schema, error) {
	if err := checkName(modelName); err != nil {
		return dataset.Schema{}, err
	}
	var s dataset.Schema
	err := r.store.GetJSON(ctx, r.bucket, objstore.ModelSchemaKey(modelName), &s)
	switch {
	case err == nil:
		return s, nil
	case !errors.Is(err, objstore.ErrNotExist):
		return dataset.Schema{}, fmt.Errorf("read schema of %s: %w", modelName, outage(err))
	case modelName == dataset.IrisModel:
		return dataset.Iris(), nil
	default:
		return dataset.Schema{}, fmt.Errorf("schema of model %s %w", modelName, ErrNotExist)
	}
}

// firstSchema sets the schema of a model that has none. A later version changes the schema only when it is promoted.
func (r *Registry) firstSchema(ctx context.Context, modelName string, s dataset.Schema) error {
	_, err := r.store.Stat(ctx, r.bucket, objstore.ModelSchemaKey(modelName))
	if errors.Is(err, objstore.ErrNotExist) {
		return r.writeSchema(ctx, modelName, s)
	}
	if err != nil {
		return fmt.Errorf("look up schema of %s: %w", modelName, outage(err))
	}
	return nil
}

func (r *Registry) writeSchema(ctx context.Context, modelName string, s dataset.Schema) error {
	if _, err := r.store.PutJSON(ctx, r.bucket, objstore.ModelSchemaKey(modelName), s); err != nil {
		return fmt.Errorf("write schema of %s: %w", modelName, outage(err))
	}
	return nil
}
