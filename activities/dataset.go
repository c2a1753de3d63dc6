package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// maxDataset bounds a dataset; dataset.Scan does too, but an object says its size before it is read.
const maxDataset = 1 << 30 // bytes

// ValidateDatasetInput names the dataset of a training and how it is to be read.
type ValidateDatasetInput struct {
	Model             string `json:"model"`
	URI               string `json:"uri,omitempty"` // "" is the bundled iris data
	LabelColumn       string `json:"label_column,omitempty"`
	AllowSchemaChange bool   `json:"allow_schema_change,omitempty"`

	Features    []string           `json:"features,omitempty"`     // the columns to read, all of them when nil
	ClassWeight *model.ClassWeight `json:"class_weight,omitempty"` // whose classes must be there
}

// Dataset is a dataset that has passed: where its bytes lie under their hash, and how they are to be read. The schema
// and the profile grow with the columns, so they lie in the object store too.
type Dataset struct {
	SHA256            string       `json:"sha256"`
	Source            string       `json:"source"` // where it was read from
	Data              objstore.Ref `json:"data"`
	View              objstore.Ref `json:"view"` // a View
	LabelColumn       string       `json:"label_column,omitempty"`
	AllowSchemaChange bool         `json:"allow_schema_change,omitempty"`
	Rows              int          `json:"rows"`
	Features          int          `json:"features"`
	Classes           int          `json:"classes"`
}

// View is what Scan learned of a dataset, read by one label column and one list of features.
type View struct {
	Schema  dataset.Schema  `json:"schema"`
	Profile dataset.Profile `json:"profile"`
	// Features are the columns that were asked for, nil when it was all of them.
	Features []string `json:"features,omitempty"`
	// Known is the schema of the model that the data was read by, nil when the model had none.
	Known *dataset.Schema `json:"known,omitempty"`
}

// ValidateDataset reads the whole dataset once by the rules of dataset.Scan and keeps it under its hash, where the same
// bytes are the same dataset for ever.
func (a *Activities) ValidateDataset(ctx context.Context, in ValidateDatasetInput) (Dataset, error) {
	_, stop := beat(ctx)
	defer stop()
	d, err := a.validateDataset(ctx, in)
	return d, translate(err)
}

func (a *Activities) validateDataset(ctx context.Context, in ValidateDatasetInput) (Dataset, error) {
	known, err := a.knownSchema(ctx, in.Model)
	if err != nil {
		return Dataset{}, err
	}
	source, ours, err := a.fetch(ctx, in)
	if err != nil {
		return Dataset{}, err
	}
	summary, sum, err := a.scan(ctx, ours, dataset.ScanOptions{
		Known:             known,
		LabelColumn:       in.LabelColumn,
		Features:          in.Features,
		AllowSchemaChange: in.AllowSchemaChange,
		MaxBytes:          maxDataset,
	})
	if err == nil {
		err = in.ClassWeight.Check(summary.Schema)
	}
	if err != nil {
		return Dataset{}, errors.Join(fmt.Errorf("%s: %w", source, err), a.drop(ctx, ours))
	}
	d := Dataset{
		SHA256: sum, Source: source, LabelColumn: in.LabelColumn, AllowSchemaChange: in.AllowSchemaChange,
		Rows: summary.Profile.Rows, Features: len(summary.Schema.Features), Classes: len(summary.Schema.Classes),
	}
	if d.Data, err = a.keep(ctx, ours, sum); err != nil {
		return Dataset{}, err
	}
	if err := a.noteSource(ctx, d.SHA256, in.URI); err != nil {
		return Dataset{}, err
	}
	view := View{Schema: summary.Schema, Profile: summary.Profile, Features: in.Features, Known: known}
	name, err := view.Name()
	if err != nil {
		return Dataset{}, err
	}
	d.View, err = a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.DatasetViewKey(d.SHA256, name), view)
	return d, err
}

// noteSource notes where a dataset came from. One that was read from where datasets are kept came in before.
func (a *Activities) noteSource(ctx context.Context, digest, uri string) error {
	if uri == "" {
		return a.o.Registry.NoteSource(ctx, digest, registry.DatasetSource{Kind: registry.SourceBundled})
	}
	if ref, err := objstore.ParseURI(uri); err == nil && ref.Bucket == a.o.Bucket && objstore.IsDatasetKey(ref.Key) {
		return nil
	}
	return a.o.Registry.NoteSource(ctx, digest, registry.DatasetSource{Kind: registry.SourceS3, URI: uri})
}

// knownSchema is the schema of a model, nil when it has none yet.
func (a *Activities) knownSchema(ctx context.Context, modelName string) (*dataset.Schema, error) {
	s, err := a.o.Registry.Schema(ctx, modelName)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// fetch makes the bytes of the dataset ours: an object that nobody else writes to is read once to check it, and once
// more to keep it, and is the same both times. The bundled data is put into the store, so that every training reads its
// data from there. It returns where the data came from, and where it lies.
func (a *Activities) fetch(ctx context.Context, in ValidateDatasetInput) (string, objstore.Ref, error) {
	if in.URI == "" {
		if in.Model != dataset.IrisModel {
			return "", objstore.Ref{}, &model.SpecError{
				Pointer: "/dataset",
				Reason:  "is missing: only the model " + dataset.IrisModel + " comes with data",
			}
		}
		ref, err := a.keepBundled(ctx)
		return ref.URI(), ref, err
	}
	ref, err := objstore.ParseURI(in.URI)
	if err != nil {
		return "", ref, &model.SpecError{Pointer: "/dataset", Reason: err.Error()}
	}
	if err := a.mayRead(ref); err != nil {
		return "", ref, err
	}
	ours, err := a.o.Store.Stat(ctx, ref.Bucket, ref.Key)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return "", ref, fmt.Errorf("%w: %s does not exist", errMissingData, in.URI)
	case err != nil:
		return "", ref, err
	case ours.Size > maxDataset:
		return "", ref, fmt.Errorf("%s: %w", in.URI, dataset.ErrTooLarge)
	case ref.Bucket == a.o.Bucket && objstore.IsDatasetKey(ref.Key):
		return in.URI, ours, nil
	}
	ours, err = a.o.Store.Copy(ctx, ref, a.o.Bucket, objstore.UploadKey(activity.GetInfo(ctx).WorkflowExecution.RunID))
	return in.URI, ours, err
}

// scan reads the whole object by the rules and returns what it learned and the hash of the bytes.
func (a *Activities) scan(
	ctx context.Context,
	ref objstore.Ref,
	o dataset.ScanOptions,
) (dataset.Summary, string, error) {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return dataset.Summary{}, "", err
	}
	defer body.Close() //nolint:errcheck // only read from
	hash := sha256.New()
	summary, err := dataset.Scan(io.TeeReader(body, hash), o)
	return summary, hex.EncodeToString(hash.Sum(nil)), err
}

// mayRead refuses buckets that are not on the list: MLflow's, above all, holds what its own permissions guard.
func (a *Activities) mayRead(ref objstore.Ref) error {
	if ref.Bucket != a.o.Bucket && !slices.Contains(a.o.DataBuckets, ref.Bucket) {
		return fmt.Errorf("%w: bucket %q is not open for data", errMissingData, ref.Bucket)
	}
	return nil
}

func (a *Activities) keepBundled(ctx context.Context) (objstore.Ref, error) {
	data := dataset.IrisCSV()
	sum := sha256.Sum256(data)
	return a.o.Store.Put(
		ctx,
		a.o.Bucket,
		objstore.DatasetKey(hex.EncodeToString(sum[:])),
		bytes.NewReader(data),
		int64(len(data)),
		"text/csv",
	)
}

// keep moves the dataset to the key of its hash, unless it lies there already.
func (a *Activities) keep(ctx context.Context, ours objstore.Ref, sum string) (objstore.Ref, error) {
	key := objstore.DatasetKey(sum)
	kept, err := a.o.Store.Stat(ctx, a.o.Bucket, key)
	if errors.Is(err, objstore.ErrNotExist) {
		kept, err = a.o.Store.Copy(ctx, ours, a.o.Bucket, key)
	}
	if err != nil {
		return objstore.Ref{}, err
	}
	kept.SHA256 = sum
	return kept, a.drop(ctx, ours)
}

// drop removes what fetch copied.
func (a *Activities) drop(ctx context.Context, ours objstore.Ref) error {
	if !strings.HasPrefix(ours.Key, objstore.UploadsPrefix) {
		return nil
	}
	return a.o.Store.Delete(ctx, ours.Bucket, ours.Key)
}

// Name hashes what a view depends on besides the bytes; see objstore.DatasetViewKey.
func (v View) Name() (string, error) {
	b, err := json.Marshal(v.Schema)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// view reads what Scan learned of a dataset that has passed.
func (a *Activities) view(ctx context.Context, d Dataset) (v View, err error) {
	err = a.o.Store.GetJSON(ctx, d.View.Bucket, d.View.Key, &v)
	return v, err
}

// table reads the rows of a dataset that has passed.
func (a *Activities) table(ctx context.Context, d Dataset) (*dataset.Table, error) {
	view, err := a.view(ctx, d)
	if err != nil {
		return nil, err
	}
	body, err := a.o.Store.Get(ctx, d.Data)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read from
	t, _, err := dataset.Read(body, dataset.ScanOptions{
		Known: view.Known, LabelColumn: d.LabelColumn, Features: view.Features, AllowSchemaChange: d.AllowSchemaChange,
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Data.URI(), err)
	}
	return t, nil
}
