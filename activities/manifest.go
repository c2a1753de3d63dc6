package activities

import (
	"context"
	"time"

	"iris/internal/objstore"
)

// Manifest says what a finished batch consists of. It lies beside the parts and outlives the workflow.
type Manifest struct {
	TaskID     string         `json:"task_id"`
	Model      string         `json:"model"`
	Version    string         `json:"version"`
	ModelID    string         `json:"model_id"` // models:/iris/3
	Classes    []string       `json:"classes"`  // order of the probabilities in the parts
	Rows       int64          `json:"rows"`
	Input      objstore.Ref   `json:"input"`
	Parts      []objstore.Ref `json:"parts"` // in input order; CSV lines without a header: label, then a probability per class
	StartedAt  time.Time      `json:"started_at"`
	FinishedAt time.Time      `json:"finished_at"`
}

// WriteManifestInput is what a batch has done.
type WriteManifestInput struct {
	TaskID    string       `json:"task_id"`
	Model     PinnedModel  `json:"model"`
	Rows      objstore.Ref `json:"rows"`
	Count     int64        `json:"count"`
	Parts     []Part       `json:"parts"`
	StartedAt time.Time    `json:"started_at"`
}

// WriteManifest makes the parts of a batch its result.
func (a *Activities) WriteManifest(ctx context.Context, in WriteManifestInput) (objstore.Ref, error) {
	_, stop := beat(ctx)
	defer stop()
	ref, err := a.writeManifest(ctx, in)
	return ref, translate(err)
}

func (a *Activities) writeManifest(ctx context.Context, in WriteManifestInput) (objstore.Ref, error) {
	m, err := a.scorer(ctx, in.Model)
	if err != nil {
		return objstore.Ref{}, err
	}
	manifest := Manifest{
		TaskID: in.TaskID, Model: in.Model.Model, Version: in.Model.Number, ModelID: in.Model.URI, Classes: m.Schema().Classes,
		Rows: in.Count, Input: in.Rows, StartedAt: in.StartedAt, FinishedAt: time.Now().UTC(), Parts: make([]objstore.Ref, len(in.Parts)),
	}
	for i, part := range in.Parts {
		manifest.Parts[i] = part.Ref
	}
	if err := a.noteBatch(ctx, manifest); err != nil {
		return objstore.Ref{}, err
	}
	return a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.BatchManifestKey(in.TaskID), manifest)
}
