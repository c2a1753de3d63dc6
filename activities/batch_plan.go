package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// Shards are ranges of rows, at most maxShards of all objects together, so that one run's history holds them.
const (
	maxShards = 1000
	// minShardBytes and largeShardBytes bound a shard of a small job, where a few more keep all slots busy to the end, and
	// of a large one, where the cost of an activity should not count. A very large one has larger shards still.
	minShardBytes   = 2 << 20
	largeShardBytes = 4 << 20
	mediumShards    = 8
	// shardRows is what a shard of Parquet has, whose bytes say little about the work.
	shardRows = 200_000
)

// PlanBatchInput asks how a batch is to be scored.
type PlanBatchInput struct {
	TaskID     string       `json:"task_id"`
	Model      string       `json:"model"`
	ModelID    string       `json:"model_id,omitempty"` // "" is the champion of the moment
	Rows       objstore.Ref `json:"rows"`
	Format     string       `json:"format,omitempty"`
	KeyColumns []string     `json:"key_columns,omitempty"`
	Output     string       `json:"output,omitempty"`
	LabelsOnly bool         `json:"labels_only,omitempty"`
}

// PinnedModel is the one version that scores every row of a batch.
type PinnedModel struct {
	Model  string `json:"model"`
	Number string `json:"number"`
	URI    string `json:"uri"` // models:/iris/3
}

// BatchPlan says how a batch is scored. The shards themselves are an object: they grow with the data.
type BatchPlan struct {
	Model  PinnedModel `json:"model"`
	Plan   string      `json:"plan"` // names the object
	Rows   int64       `json:"rows"` // bad ones too
	Shards int         `json:"shards"`
}

// batchPlan is what lies at objstore.BatchPlanKey.
type batchPlan struct {
	Model   PinnedModel   `json:"model"`
	Columns rows.Columns  `json:"columns"`
	Layout  scores.Layout `json:"layout"`

	Input   objstore.Ref  `json:"input"`
	Digest  string        `json:"digest"` // see Manifest.DatasetSHA256
	Prefix  bool          `json:"prefix,omitempty"`
	Objects []batchObject `json:"objects"`
	Headers []rows.Header `json:"headers,omitempty"` // of CSVs, those that differ
	Rows    int64         `json:"rows"`
	Shards  []rows.Shard  `json:"shards"`
}

// batchObject is one object of the rows.
type batchObject struct {
	Ref    objstore.Ref `json:"ref"` // what is read: the unpacked copy of one that was packed
	Name   string       `json:"name"`
	Format rows.Format  `json:"format"`
	Header int          `json:"header,omitempty"` // index in Headers
}

// PlanBatch resolves the model of a batch to a version, once, reads the rows once and cuts them into shards. The plan
// is
// kept under a key of its contents: an attempt that was given up and still runs cannot change that of the next.
func (a *Activities) PlanBatch(ctx context.Context, in PlanBatchInput) (BatchPlan, error) {
	report, stop := beat(ctx)
	defer stop()
	p, err := a.planBatch(ctx, in, report)
	return p, translate(err)
}

func (a *Activities) planBatch(ctx context.Context, in PlanBatchInput, report func(Progress)) (BatchPlan, error) {
	if err := a.checkReadable(in.Rows); err != nil {
		return BatchPlan{}, err
	}
	served, err := a.o.Versions.Version(ctx, in.Model, in.ModelID)
	if err != nil {
		return BatchPlan{}, err
	}
	schema := served.Model.Schema()
	format, err := scores.ParseFormat(in.Output)
	if err != nil {
		return BatchPlan{}, &model.SpecError{Pointer: "/output", Reason: err.Error()}
	}
	p := &batchPlan{
		Model:   PinnedModel{Model: in.Model, Number: served.Version.Number, URI: served.Version.URI()},
		Columns: rows.Columns{Features: schema.Features, Keys: in.KeyColumns},
		Layout:  scores.Layout{Format: format, Keys: in.KeyColumns, Classes: schema.Classes, Probabilities: !in.LabelsOnly},
		Input:   in.Rows,
	}
	if err := p.Layout.Check(); err != nil {
		return BatchPlan{}, &model.SpecError{Pointer: "/key_columns", Reason: err.Error()}
	}
	if err := a.findObjects(ctx, in, p, report); err != nil {
		return BatchPlan{}, err
	}
	if err := a.cut(ctx, p, report); err != nil {
		return BatchPlan{}, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return BatchPlan{}, err
	}
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:8])
	if _, err := a.o.Store.PutJSON(
		ctx,
		a.o.Bucket,
		objstore.BatchPlanKey(in.TaskID, name),
		json.RawMessage(data),
	); err != nil {
		return BatchPlan{}, err
	}
	return BatchPlan{Model: p.Model, Plan: name, Rows: p.Rows, Shards: len(p.Shards)}, nil
}

// readPlan reads what PlanBatch has left.
func (a *Activities) readPlan(ctx context.Context, taskID, name string) (*batchPlan, error) {
	p := new(batchPlan)
	return p, a.o.Store.GetJSON(ctx, a.o.Bucket, objstore.BatchPlanKey(taskID, name), p)
}

// scorer is the pinned version, loaded once per worker.
func (a *Activities) scorer(ctx context.Context, p PinnedModel) (*model.Model, error) {
	served, err := a.o.Versions.Version(ctx, p.Model, p.Number)
	if err != nil {
		return nil, err
	}
	return served.Model, nil
}

// findObjects lists the objects of the rows and unpacks those that are packed.
func (a *Activities) findObjects(ctx context.Context, in PlanBatchInput, p *batchPlan, report func(Progress)) error {
	refs, err := a.inputs(ctx, in.Rows)
	if err != nil {
		return err
	}
	p.Prefix = strings.HasSuffix(in.Rows.Key, "/")
	digest := sha256.New()
	for i, ref := range refs {
		format, err := rows.FormatOf(in.Format, ref.Key)
		if err != nil {
			return &model.SpecError{Pointer: "/format", Reason: err.Error()}
		}
		o := batchObject{Ref: ref, Name: ref.Key, Format: format}
		_, _ = fmt.Fprintf(digest, "%s %d %s\n", ref.ETag, ref.Size, ref.Key) // a hash does not fail
		if format != rows.Parquet {
			index := -1
			if p.Prefix {
				index = i
			}
			if o.Ref, err = a.unpacked(ctx, in.TaskID, index, ref, format, report); err != nil {
				return err
			}
		}
		p.Objects = append(p.Objects, o)
	}
	switch {
	case p.Prefix:
		p.Digest = hex.EncodeToString(digest.Sum(nil))
	case in.Rows.SHA256 != "":
		p.Digest = in.Rows.SHA256
	case p.Objects[0].Ref.Key != refs[0].Key || p.Objects[0].Format == rows.Parquet:
		p.Digest, err = a.digest(ctx, refs[0])
	}
	return err
}

// inputs returns the objects of the rows, in the order of their keys.
func (a *Activities) inputs(ctx context.Context, given objstore.Ref) ([]objstore.Ref, error) {
	refs, err := a.catalogue.Objects(ctx, given)
	switch {
	case errors.Is(err, objstore.ErrNotExist) && strings.HasSuffix(given.Key, "/"):
		return nil, fmt.Errorf("%w: there is no object under %s", errMissingData, given.URI())
	case errors.Is(err, objstore.ErrNotExist):
		return nil, fmt.Errorf("%w: %s does not exist", errMissingData, given.URI())
	case errors.Is(err, catalogue.ErrTooManyObjects):
		return nil, &dataset.RowError{
			Reason: fmt.Sprintf("more than %d objects under %s", catalogue.MaxObjects, given.URI()),
		}
	}
	return refs, err
}

// digest is the SHA-256 of an object.
func (a *Activities) digest(ctx context.Context, ref objstore.Ref) (string, error) {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // only read from
	h := sha256.New()
	_, err = io.Copy(h, body)
	return hex.EncodeToString(h.Sum(nil)), err
}

// cut finds the shards of all objects.
func (a *Activities) cut(ctx context.Context, p *batchPlan, report func(Progress)) error {
	var size int64 // together
	for _, o := range p.Objects {
		size += o.Ref.Size
	}
	for i := range p.Objects {
		cuts, err := a.cutObject(ctx, p, i, size, func(n int64) { report(Progress{Done: p.Rows + n, Unit: "rows"}) })
		switch {
		case errors.Is(err, rows.ErrNoRows) && p.Prefix:
			continue
		case err != nil && p.Prefix:
			return fmt.Errorf("%s: %w", p.Objects[i].Name, err)
		case err != nil:
			return err
		}
		p.Rows += cuts.Rows
		if p.Objects[i].Format == rows.CSV {
			p.Objects[i].Header = p.header(cuts.Header)
		}
		for _, shard := range cuts.Shards {
			shard.Object = i
			p.Shards = append(p.Shards, shard)
		}
	}
	if len(p.Shards) == 0 {
		return rows.ErrNoRows
	}
	return nil
}

// header is the index of a header, which few of a thousand objects have to themselves.
func (p *batchPlan) header(h rows.Header) int {
	for i, known := range p.Headers {
		if known.Cells == h.Cells && slices.Equal(known.Features, h.Features) && slices.Equal(known.Keys, h.Keys) {
			return i
		}
	}
	p.Headers = append(p.Headers, h)
	return len(p.Headers) - 1
}

// shardBytes is how large the shards of so many objects of size bytes together should be. As every object ends one,
// there
// are never more than size/shardBytes + objects.
func shardBytes(size int64, objects int) int64 {
	room := int64(maxShards - objects)
	if room <= 0 {
		return size + 1
	}
	return max(minShardBytes, min(largeShardBytes, size/mediumShards), size/room+1)
}

func (a *Activities) cutObject(
	ctx context.Context,
	p *batchPlan,
	i int,
	size int64,
	report func(int64),
) (rows.Cuts, error) {
	o := p.Objects[i]
	if o.Format == rows.Parquet {
		most := float64(maxShards-len(p.Objects)) * float64(o.Ref.Size) / float64(size)
		return rows.CutParquet(a.o.Store.ReaderAt(ctx, o.Ref), o.Ref.Size, p.Columns, shardRows, int64(most))
	}
	body, err := a.o.Store.Get(ctx, o.Ref)
	if err != nil {
		return rows.Cuts{}, err
	}
	defer body.Close() //nolint:errcheck // only read from
	in, sum := io.Reader(body), sha256.New()
	if p.Digest == "" {
		in = io.TeeReader(body, sum)
	}
	cuts, err := rows.Cut(in, o.Format, p.Columns, shardBytes(size, len(p.Objects)), report)
	if err == nil && p.Digest == "" {
		p.Digest = hex.EncodeToString(sum.Sum(nil))
	}
	return cuts, err
}
