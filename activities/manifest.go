package activities

import (
	"context"
	"time"

	"iris/internal/objstore"
	"iris/internal/scores"
)

// Manifest says what a batch that has ended consists of. It lies beside the parts and outlives the workflow.
type Manifest struct {
	TaskID  string        `json:"task_id"`
	State   string        `json:"state"` // SUCCESS, or REVOKED: the parts that were finished before the batch was cancelled
	Model   string        `json:"model"`
	Version string        `json:"version"`
	ModelID string        `json:"model_id"` // models:/iris/3
	Classes []string      `json:"classes"`  // order of the probabilities in the parts
	Layout  scores.Layout `json:"layout"`   // of parts and output

	Input         objstore.Ref `json:"input"`
	DatasetSHA256 string       `json:"dataset_sha256,omitempty"` // of the input's bytes; of the list of keys, sizes and ETags for a prefix
	Rows          int64        `json:"rows"`                     // scored
	Failed        int64        `json:"failed"`                   // bad rows: they are named in Errors, and in no part

	Parts  []Part       `json:"parts"`  // in input order
	Output objstore.Ref `json:"output"` // all parts as one object, with a header where the format has one; none of a batch that was cancelled
	Errors objstore.Ref `json:"errors"` // CSV: object (of a prefix), line, column, reason; none without bad rows

	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Timings    Timings   `json:"timings"`
}

// Timings are how long the steps of a batch took, in seconds.
type Timings struct {
	Plan          float64 `json:"plan"`
	Score         float64 `json:"score"`
	Assemble      float64 `json:"assemble"`
	RowsPerSecond float64 `json:"rows_per_second"` // from the start to the end
}

// stateSuccess is the state of a batch whose rows all were read, in the word of package workflows.
const stateSuccess = "SUCCESS"

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
		Rows: in.Count, Input: in.Rows, StartedAt: in.StartedAt, FinishedAt: time.Now().UTC(), Parts: in.Parts,
		State: stateSuccess, Layout: scores.Layout{Format: scores.CSV, Classes: m.Schema().Classes, Probabilities: true},
	}
	return a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.BatchManifestKey(in.TaskID), manifest)
}
