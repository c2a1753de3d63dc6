package registry

import (
	"context"
	"errors"
	"fmt"

	"iris/internal/dataset"
	"iris/internal/objstore"
)

// Schema is what data for a model must look like: the schema of its champion, or of its first version as long as it has
// no champion. The model iris has the bundled schema until then, any other ErrNotExist.
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

// firstSchema gives the model its schema unless it has one: a version that is not the champion changes nothing for the
// data that follows it.
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
