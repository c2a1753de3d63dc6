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
	DatasetSHA256 string       `json:"dataset_sha256,omitempty"` // of the input's bytes; of the list of ETags, sizes and keys for a prefix
	Rows          int64        `json:"rows"`                     // scored
	Failed        int64        `json:"failed"`                   // bad rows: they are named in Errors, and in no part

	Parts  []Part       `json:"parts"`  // in input order, those that have rows
	Output objstore.Ref `json:"output"` // all parts as one object, with a header where the format has one; none of a batch that was cancelled
	Errors objstore.Ref `json:"errors"` // CSV: object (of a prefix), line, column, reason; none without bad rows

	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Timings    Timings   `json:"timings"`
}

// Part is where the scores of a shard lie.
type Part struct {
	Ref    objstore.Ref `json:"ref"`
	Shard  int          `json:"shard"`
	First  int64        `json:"first"` // index of its first row in the output
	Rows   int64        `json:"rows"`  // scored
	Failed int64        `json:"failed,omitempty"`
}

// Timings are how long the steps of a batch took, in seconds.
type Timings struct {
	Plan          float64 `json:"plan"`
	Score         float64 `json:"score"`
	Assemble      float64 `json:"assemble"`
	RowsPerSecond float64 `json:"rows_per_second"` // scored and bad ones, from the start to the end
}

// States of a manifest, in the words of package workflows.
const (
	stateSuccess = "SUCCESS"
	stateRevoked = "REVOKED"
)

// WriteManifestInput is what a batch has done.
type WriteManifestInput struct {
	TaskID string `json:"task_id"`
	Plan   string `json:"plan"`
	// Shards are those of the plan, in its order; one that was not finished has neither rows nor bytes.
	Shards    []ScoredShard `json:"shards"`
	Cancelled bool          `json:"cancelled,omitempty"` // what is there stays in pieces
	StartedAt time.Time     `json:"started_at"`
	Timings   Timings       `json:"timings"` // of the steps so far
}

// Written is what a batch leaves behind.
type Written struct {
	Manifest objstore.Ref `json:"manifest"`
	Output   objstore.Ref `json:"output"`
	Errors   objstore.Ref `json:"errors"`
}

// WriteManifest puts the parts of a batch together and makes them its result.
func (a *Activities) WriteManifest(ctx context.Context, in WriteManifestInput) (Written, error) {
	report, stop := beat(ctx)
	defer stop()
	w, err := a.writeManifest(ctx, in, report)
	return w, translate(err)
}

func (a *Activities) writeManifest(ctx context.Context, in WriteManifestInput, report func(Progress)) (Written, error) {
	plan, err := a.readPlan(ctx, in.TaskID, in.Plan)
	if err != nil {
		return Written{}, err
	}
	m := Manifest{
		TaskID: in.TaskID, State: stateSuccess, Model: plan.Model.Model, Version: plan.Model.Number, ModelID: plan.Model.URI,
		Classes: plan.Layout.Classes, Layout: plan.Layout, Input: plan.Input, DatasetSHA256: plan.Digest,
		Parts: []Part{}, StartedAt: in.StartedAt, Timings: in.Timings,
	}
	var errorParts []objstore.Ref
	for i, s := range in.Shards {
		if s.Bytes > 0 {
			ref := objstore.Ref{
				Bucket: a.o.Bucket,
				Key:    objstore.BatchPartKey(in.TaskID, i, plan.Layout.Format.Extension()),
				Size:   s.Bytes,
			}
			m.Parts = append(m.Parts, Part{Ref: ref, Shard: i, First: m.Rows, Rows: s.Rows, Failed: s.Failed})
		}
		if s.Failed > 0 {
			errorParts = append(errorParts, objstore.Ref{Bucket: a.o.Bucket, Key: objstore.BatchPartErrorsKey(in.TaskID, i)})
		}
		m.Rows, m.Failed = m.Rows+s.Rows, m.Failed+s.Failed
	}
	begun := time.Now()
	if in.Cancelled {
		m.State = stateRevoked
	} else if m.Output, err = a.assemble(ctx, in.TaskID, plan.Layout, m.Parts, report); err != nil {
		return Written{}, err
	}
	if m.Errors, err = a.assembleErrors(ctx, in.TaskID, plan.Prefix, errorParts); err != nil {
		return Written{}, err
	}
	m.FinishedAt = time.Now().UTC()
	m.Timings.Assemble = m.FinishedAt.Sub(begun).Seconds()
	if took := m.FinishedAt.Sub(m.StartedAt).Seconds(); took > 0 {
		m.Timings.RowsPerSecond = float64(m.Rows+m.Failed) / took
	}
	if !in.Cancelled {
		if err := a.recordBatch(ctx, m); err != nil {
			return Written{}, err
		}
	}
	ref, err := a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.BatchManifestKey(in.TaskID), m)
	return Written{Manifest: ref, Output: m.Output, Errors: m.Errors}, err
}
