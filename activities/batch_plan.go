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

// Limits of a plan. Shards are ranges of rows. Their number is limited so that one workflow history holds all of them.
const (
	maxShards = 1000
	// A small batch has shards of minShardBytes, or fewer shards than mediumShards if they are larger: several shards keep
	// all slots busy to the end. A large batch has shards of largeShardBytes, so that the cost of an activity is
	// negligible. A very large batch has larger shards, because of maxShards.
	minShardBytes   = 2 << 20
	largeShardBytes = 4 << 20
	mediumShards    = 8
	// shardRows is the size of a Parquet shard in rows. The bytes of Parquet say little about the work.
	shardRows = 200_000
)

// PlanBatchInput is a batch to plan.
type PlanBatchInput struct {
	TaskID     string       `json:"task_id"`
	Model      string       `json:"model"`
	ModelID    string       `json:"model_id,omitempty"` // "" is the present champion
	Rows       objstore.Ref `json:"rows"`
	Format     string       `json:"format,omitempty"`
	KeyColumns []string     `json:"key_columns,omitempty"`
	Output     string       `json:"output,omitempty"`
	LabelsOnly bool         `json:"labels_only,omitempty"`
	CSVSafe    bool         `json:"csv_safe,omitempty"`
	OnUnseen   string       `json:"on_unseen,omitempty"`
	Threshold  *float64     `json:"threshold,omitempty"` // nil is the decision of the model
}

// PinnedModel is the one version that scores every row of a batch.
type PinnedModel struct {
	Model  string `json:"model"`
	Number string `json:"number"`
	URI    string `json:"uri"` // models:/iris/3
}

// BatchPlan describes how a batch is scored. The shards grow with the data, so they are in an object.
type BatchPlan struct {
	Model  PinnedModel `json:"model"`
	Plan   string      `json:"plan"` // name of the object
	Rows   int64       `json:"rows"` // includes bad rows
	Shards int         `json:"shards"`
}

// batchPlan is the object at objstore.BatchPlanKey.
type batchPlan struct {
	Model   PinnedModel   `json:"model"`
	Columns rows.Columns  `json:"columns"` // without Cells, which the model has
	Layout  scores.Layout `json:"layout"`

	OnUnseen dataset.OnUnseen `json:"on_unseen,omitempty"`
	// Threshold is that of the request; Decision is how the labels are decided, nil for the most probable class.
	Threshold *float64        `json:"threshold,omitempty"`
	Decision  *model.Decision `json:"decision,omitempty"`

	Input   objstore.Ref  `json:"input"`
	Digest  string        `json:"digest"` // see Manifest.DatasetSHA256
	Prefix  bool          `json:"prefix,omitempty"`
	Objects []batchObject `json:"objects"`
	Headers []rows.Header `json:"headers,omitempty"` // of CSVs, without duplicates
	Rows    int64         `json:"rows"`
	Shards  []rows.Shard  `json:"shards"`
}

// batchObject is one object of the rows.
type batchObject struct {
	Ref    objstore.Ref  `json:"ref"` // the object to read; for a packed object, its unpacked copy
	Name   string        `json:"name"`
	Format scores.Format `json:"format"`
	Header int           `json:"header,omitempty"` // index in Headers
}

// PlanBatch resolves the model of a batch to a version, reads the rows once and cuts them into shards. Running it twice
// is safe: the key of the plan is its hash, so an attempt that Temporal gave up cannot change the plan of the next.
func (a *Activities) PlanBatch(ctx context.Context, in PlanBatchInput) (BatchPlan, error) {
	report, stop := beat(ctx)
	defer stop()
	p, err := a.planBatch(ctx, in, report)
	return p, translate(ctx, err)
}

// decided returns m with the threshold of a request, or m itself for nil.
func decided(m *model.Model, threshold *float64) (*model.Model, error) {
	if threshold == nil {
		return m, nil
	}
	return m.WithThreshold(*threshold)
}

func (a *Activities) planBatch(ctx context.Context, in PlanBatchInput, report func(Progress)) (BatchPlan, error) {
	if err := a.checkReadable(in.Rows); err != nil {
		return BatchPlan{}, err
	}
	served, err := a.o.Versions.Version(ctx, in.Model, in.ModelID)
	if err != nil {
		return BatchPlan{}, err
	}
	m, err := decided(served.Model, in.Threshold)
	if err != nil {
		return BatchPlan{}, err
	}
	schema := m.Schema()
	format, err := scores.ParseFormat(in.Output)
	if err != nil {
		return BatchPlan{}, &model.SpecError{Pointer: "/output", Reason: err.Error()}
	}
	onUnseen, reason := dataset.ParseOnUnseen(in.OnUnseen)
	if reason != "" {
		return BatchPlan{}, &model.SpecError{Pointer: "/on_unseen", Reason: reason}
	}
	p := &batchPlan{
		Model: PinnedModel{Model: in.Model, Number: served.Version.Number, URI: served.Version.URI()},
		Columns: rows.Columns{
			Features: schema.Features, Keys: in.KeyColumns, Cells: dataset.CellsOf(schema, onUnseen),
		},
		OnUnseen: onUnseen, Threshold: in.Threshold, Decision: m.Decision(),
		Layout: scores.Layout{
			Format: format, Keys: in.KeyColumns, Classes: schema.Classes, Probabilities: !in.LabelsOnly, CSVSafe: in.CSVSafe,
		},
		Input: in.Rows,
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
	_, err = a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.BatchPlanKey(in.TaskID, name), json.RawMessage(data))
	if err != nil {
		return BatchPlan{}, err
	}
	return BatchPlan{Model: p.Model, Plan: name, Rows: p.Rows, Shards: len(p.Shards)}, nil
}

// readPlan reads the plan that PlanBatch wrote.
func (a *Activities) readPlan(ctx context.Context, taskID, name string) (*batchPlan, error) {
	p := new(batchPlan)
	return p, a.o.Store.GetJSON(ctx, a.o.Bucket, objstore.BatchPlanKey(taskID, name), p)
}

// pinned returns the model of a plan. It loads a version once per worker.
func (a *Activities) pinned(ctx context.Context, p PinnedModel) (*model.Model, error) {
	served, err := a.o.Versions.Version(ctx, p.Model, p.Number)
	if err != nil {
		return nil, err
	}
	return served.Model, nil
}

// findObjects lists the objects with the rows and unpacks objects in gzip.
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
		_, _ = fmt.Fprintf(digest, "%s %d %s\n", ref.ETag, ref.Size, ref.Key) // writing to a hash does not fail
		if format != scores.Parquet {
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
	case p.Objects[0].Ref.Key != refs[0].Key || p.Objects[0].Format == scores.Parquet:
		p.Digest, err = a.digest(ctx, refs[0])
	}
	return err
}

// inputs lists the objects with the rows, in the order of their keys.
func (a *Activities) inputs(ctx context.Context, given objstore.Ref) ([]objstore.Ref, error) {
	refs, err := a.catalogue.Objects(ctx, given)
	switch {
	case errors.Is(err, objstore.ErrNotExist) && strings.HasSuffix(given.Key, "/"):
		return nil, fmt.Errorf("%w: no object under %s", errMissingData, given.URI())
	case errors.Is(err, objstore.ErrNotExist):
		return nil, fmt.Errorf("%w: %s does not exist", errMissingData, given.URI())
	case errors.Is(err, catalogue.ErrTooManyObjects):
		return nil, &dataset.RowError{
			Reason: fmt.Sprintf("more than %d objects under %s", catalogue.MaxObjects, given.URI()),
		}
	}
	return refs, err
}

// digest returns the SHA-256 of an object.
func (a *Activities) digest(ctx context.Context, ref objstore.Ref) (string, error) {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // read only
	h := sha256.New()
	_, err = io.Copy(h, body)
	return hex.EncodeToString(h.Sum(nil)), err
}

// cut cuts all objects into shards.
func (a *Activities) cut(ctx context.Context, p *batchPlan, report func(Progress)) error {
	var size int64 // of all objects
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
		if p.Objects[i].Format == scores.CSV {
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

// header returns the index of a header. It adds the header if no object before has the same.
func (p *batchPlan) header(h rows.Header) int {
	for i, known := range p.Headers {
		if known.Cells == h.Cells && slices.Equal(known.Features, h.Features) && slices.Equal(known.Keys, h.Keys) {
			return i
		}
	}
	p.Headers = append(p.Headers, h)
	return len(p.Headers) - 1
}

// shardBytes returns the size of the shards of a number of objects, whose total size is size. Every object ends a
// shard, so there are at most size/shardBytes + objects shards.
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
	if o.Format == scores.Parquet {
		limit := float64(maxShards-len(p.Objects)) * float64(o.Ref.Size) / float64(size)
		return rows.CutParquet(a.o.Store.ReaderAt(ctx, o.Ref), o.Ref.Size, p.Columns, shardRows, int64(limit))
	}
	body, err := a.o.Store.Get(ctx, o.Ref)
	if err != nil {
		return rows.Cuts{}, err
	}
	defer body.Close() //nolint:errcheck // read only
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
