package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"go.temporal.io/sdk/activity"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/tablefile"
	"iris/model"
)

// fetched is a dataset in Iris's bucket that is not validated yet. Nobody else writes to it, so the bytes that are
// checked are the bytes that are kept.
type fetched struct {
	source    string
	data      objstore.Ref // a plain CSV
	header    dataset.Header
	converted bool              // data has other bytes than the source
	copied    bool              // data has the bytes of the source, and is not a dataset
	locate    func(error) error // finds the lines of the source
}

// fetch copies a dataset into Iris's bucket, as a plain CSV. It stores the bundled data too, so that every training
// reads its dataset from the store.
func (a *Activities) fetch(ctx context.Context, in ValidateDatasetInput) (fetched, error) {
	f := fetched{source: in.URI, locate: func(err error) error { return err }}
	if in.Header == tablefile.HeaderTrue {
		f.header = dataset.HeaderTrue
	}
	if in.URI == "" {
		if in.Model != dataset.IrisModel {
			return f, &model.SpecError{
				Pointer: "/dataset",
				Reason:  "is missing: only the model " + dataset.IrisModel + " comes with data",
			}
		}
		var err error
		f.data, err = a.catalogue.KeepBytes(ctx, dataset.IrisCSV())
		f.source = f.data.URI()
		return f, err
	}
	ref, err := objstore.ParseURI(in.URI)
	if err != nil {
		return f, &model.SpecError{Pointer: "/dataset", Reason: err.Error()}
	}
	if err := a.checkReadable(ref); err != nil {
		return f, err
	}
	f.data, err = a.o.Store.Stat(ctx, ref.Bucket, ref.Key)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return f, fmt.Errorf("%w: %s does not exist", errMissingData, in.URI)
	case err != nil:
		return f, err
	case f.data.Size > maxDataset:
		return f, fmt.Errorf("%s: %w", in.URI, dataset.ErrTooLarge)
	}
	held := a.catalogue.Holds(ref)
	if held && (in.Reading == tablefile.Reading{} || in.Reading == tablefile.Reading{Header: tablefile.HeaderTrue}) {
		return f, nil
	}
	return a.fetchFile(ctx, in, f, held)
}

// fetchFile converts an object into a plain CSV while it copies the object. The store itself copies a plain CSV.
func (a *Activities) fetchFile(ctx context.Context, in ValidateDatasetInput, f fetched, held bool) (fetched, error) {
	body, err := a.o.Store.Get(ctx, f.data)
	if err != nil {
		return f, err
	}
	defer body.Close() //nolint:errcheck // read only
	table, err := tablefile.Open(body, tablefile.Options{Reading: in.Reading, Name: f.data.Key, MaxBytes: maxDataset})
	if err != nil {
		return f, fmt.Errorf("%s: %w", f.source, asSpecError(err))
	}
	defer table.Close() //nolint:errcheck // what is left on the disk has no name
	if table.HasHeader() {
		f.header = dataset.HeaderTrue
	}
	f.converted, f.locate = table.Found().Converted, table.Locate
	key := objstore.UploadKey(activity.GetInfo(ctx).WorkflowExecution.RunID)
	switch {
	case f.converted:
		if f.data, err = a.o.Store.Put(ctx, a.o.Bucket, key, table, -1, "text/csv"); err != nil {
			return f, fmt.Errorf("%s: %w", f.source, err)
		}
	case !held:
		f.copied = true
		if f.data, err = a.o.Store.Copy(ctx, f.data, a.o.Bucket, key); err != nil {
			return f, err
		}
	}
	return f, nil
}

// asSpecError returns the error of a wrong option as that of a field.
func asSpecError(err error) error {
	if wrong, ok := errors.AsType[*tablefile.OptionError](err); ok {
		return &model.SpecError{Pointer: "/" + wrong.Option, Reason: wrong.Reason}
	}
	return err
}

// scan checks a whole object by the rules of a dataset. It returns a summary and the hash of the bytes.
func (a *Activities) scan(
	ctx context.Context, f fetched, o dataset.ScanOptions,
) (dataset.Summary, string, error) {
	body, err := a.o.Store.Get(ctx, f.data)
	if err != nil {
		return dataset.Summary{}, "", err
	}
	defer body.Close() //nolint:errcheck // read only
	var text io.Reader = body
	if f.copied {
		text = tablefile.CheckUTF8(body)
	}
	hash := sha256.New()
	summary, err := dataset.Scan(io.TeeReader(text, hash), o)
	return summary, hex.EncodeToString(hash.Sum(nil)), f.locate(err)
}
