package activities

import (
	"context"
	"encoding/json"
	"time"

	"iris/internal/catalogue"
	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/model"
)

// Manifest says what an ended batch consists of. It is stored beside the parts and outlives the workflow.
type Manifest struct {
	TaskID  string        `json:"task_id"`
	State   string        `json:"state"` // SUCCESS; or REVOKED for a cancelled batch, which keeps its finished parts
	Model   string        `json:"model"`
	Version string        `json:"version"`
	ModelID string        `json:"model_id"` // models:/iris/3
	Classes []string      `json:"classes"`  // order of the probabilities in the parts
	Layout  scores.Layout `json:"layout"`   // of parts and output

	Decision *model.Decision `json:"decision,omitempty"` // of the labels, nil if they are the most probable classes

	Input objstore.Ref `json:"input"`
	// DatasetSHA256 is the hash of the input's bytes; for a prefix, of the list of ETags, sizes and keys.
	DatasetSHA256 string `json:"dataset_sha256,omitempty"`
	Rows          int64  `json:"rows"`              // scored
	BadRows       int64  `json:"bad_rows"`          // not scored; Errors has the reasons
	Failed        int64  `json:"failed"`            // the older name of bad_rows
	Unseen        int64  `json:"unseen,omitempty"`  // texts in the scored rows that are not a level of their feature
	Missing       int64  `json:"missing,omitempty"` // missing values in the scored rows

	Parts  []Part       `json:"parts"`  // in input order, without shards that have no scored rows
	Output objstore.Ref `json:"output"` // all parts in one object; empty for a cancelled batch
	Errors objstore.Ref `json:"errors"` // CSV: object (for a prefix), line, column, reason; empty if no row is bad

	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Timings    Timings   `json:"timings"`
}

// UnmarshalJSON also reads older manifests, which have only the older name of bad_rows.
func (m *Manifest) UnmarshalJSON(data []byte) error {
	type plain Manifest
	if err := json.Unmarshal(data, (*plain)(m)); err != nil {
		return err
	}
	m.BadRows = max(m.BadRows, m.Failed)
	return nil
}

// Part is the scores of one shard.
type Part struct {
	Ref     objstore.Ref `json:"ref"`
	Shard   int          `json:"shard"`
	First   int64        `json:"first"` // index of its first row in the output
	Rows    int64        `json:"rows"`  // scored
	BadRows int64        `json:"bad_rows,omitempty"`
	Failed  int64        `json:"failed,omitempty"` // the older name of bad_rows
}

// UnmarshalJSON also reads the parts of older manifests, which have only the older name of bad_rows.
func (p *Part) UnmarshalJSON(data []byte) error {
	type plain Part
	if err := json.Unmarshal(data, (*plain)(p)); err != nil {
		return err
	}
	p.BadRows = max(p.BadRows, p.Failed)
	return nil
}

// Timings are the durations of a batch's steps, in seconds.
type Timings struct {
	Plan          float64 `json:"plan"`
	Score         float64 `json:"score"`
	Assemble      float64 `json:"assemble"`
	RowsPerSecond float64 `json:"rows_per_second"` // scored and bad rows, over the whole batch
}

// States of a manifest, in the words of package workflows.
const (
	stateSuccess = "SUCCESS"
	stateRevoked = "REVOKED"
)

// WriteManifestInput is the work that a batch has done.
type WriteManifestInput struct {
	TaskID string `json:"task_id"`
	Plan   string `json:"plan"`
	// Shards has the shards of the plan, in its order. An unfinished shard has no rows and no bytes.
	Shards    []ScoredShard `json:"shards"`
	Cancelled bool          `json:"cancelled,omitempty"` // the parts are not assembled
	StartedAt time.Time     `json:"started_at"`
	Timings   Timings       `json:"timings"` // of the steps so far
}

// Written names the objects of a finished batch.
type Written struct {
	Manifest objstore.Ref `json:"manifest"`
	Output   objstore.Ref `json:"output"`
	Errors   objstore.Ref `json:"errors"`
}

// WriteManifest assembles the parts of a batch and writes its manifest, which makes them its result. Running it twice
// is safe: every object has a fixed key, and the manifest is written last.
func (a *Activities) WriteManifest(ctx context.Context, in WriteManifestInput) (Written, error) {
	report, stop := beat(ctx)
	defer stop()
	w, err := a.writeManifest(ctx, in, report)
	return w, translate(ctx, err)
}

func (a *Activities) writeManifest(ctx context.Context, in WriteManifestInput, report func(Progress)) (Written, error) {
	plan, err := a.readPlan(ctx, in.TaskID, in.Plan)
	if err != nil {
		return Written{}, err
	}
	m := Manifest{
		TaskID: in.TaskID, State: stateSuccess, Model: plan.Model.Model, Version: plan.Model.Number, ModelID: plan.Model.URI,
		Classes: plan.Layout.Classes, Layout: plan.Layout, Input: plan.Input, DatasetSHA256: plan.Digest,
		Decision: plan.Decision, Parts: []Part{}, StartedAt: in.StartedAt, Timings: in.Timings,
	}
	var errorParts []objstore.Ref
	for i, s := range in.Shards {
		if s.Bytes > 0 {
			ref := objstore.Ref{
				Bucket: a.o.Bucket,
				Key:    objstore.BatchPartKey(in.TaskID, i, plan.Layout.Format.Extension()),
				Size:   s.Bytes,
			}
			m.Parts = append(m.Parts, Part{
				Ref: ref, Shard: i, First: m.Rows, Rows: s.Rows, BadRows: s.BadRows, Failed: s.BadRows,
			})
		}
		if s.BadRows > 0 {
			errorParts = append(errorParts, objstore.Ref{Bucket: a.o.Bucket, Key: objstore.BatchPartErrorsKey(in.TaskID, i)})
		}
		m.Rows, m.BadRows = m.Rows+s.Rows, m.BadRows+s.BadRows
		m.Unseen, m.Missing = m.Unseen+s.Unseen, m.Missing+s.Missing
	}
	m.Failed = m.BadRows
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
		m.Timings.RowsPerSecond = float64(m.Rows+m.BadRows) / took
	}
	if !in.Cancelled {
		if err := a.recordBatch(ctx, m); err != nil {
			return Written{}, err
		}
	}
	ref, err := a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.BatchManifestKey(in.TaskID), m)
	return Written{Manifest: ref, Output: m.Output, Errors: m.Errors}, err
}

// recordBatch records a batch for the version that scored it and, if its rows are a dataset, for the dataset. The
// record outlives the results.
func (a *Activities) recordBatch(ctx context.Context, m Manifest) error {
	return a.catalogue.RecordBatch(ctx, catalogue.Batch{
		TaskID: m.TaskID, Model: m.Model, Version: m.Version, Rows: m.Rows, StartedAt: m.StartedAt, FinishedAt: m.FinishedAt,
	}, m.Input)
}
