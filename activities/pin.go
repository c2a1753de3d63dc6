package activities

import (
	"context"

	"iris/model"
)

// PinModelInput names the model of a batch.
type PinModelInput struct {
	Model   string `json:"model"`
	ModelID string `json:"model_id,omitempty"` // "" is the champion of the moment
}

// PinnedModel is the one version that scores every row of a batch.
type PinnedModel struct {
	Model  string `json:"model"`
	Number string `json:"number"`
	URI    string `json:"uri"` // models:/iris/3
}

// PinModel resolves the model of a batch to a version, once.
func (a *Activities) PinModel(ctx context.Context, in PinModelInput) (PinnedModel, error) {
	_, stop := beat(ctx)
	defer stop()
	served, err := a.o.Versions.Version(ctx, in.Model, in.ModelID)
	if err != nil {
		return PinnedModel{}, translate(err)
	}
	return PinnedModel{Model: in.Model, Number: served.Version.Number, URI: served.Version.URI()}, nil
}

// scorer is the pinned version, loaded once per worker.
func (a *Activities) scorer(ctx context.Context, p PinnedModel) (*model.Model, error) {
	served, err := a.o.Versions.Version(ctx, p.Model, p.Number)
	if err != nil {
		return nil, err
	}
	return served.Model, nil
}
