package activities

import (
	"cmp"
	"context"
	"fmt"

	"iris/internal/objstore"
	"iris/internal/scores"
)

// assemble joins the parts into one object. S3 itself copies CSV and JSON lines. Parquet has one footer for all rows,
// so the worker reads and writes it, one row group at a time.
func (a *Activities) assemble(
	ctx context.Context,
	taskID string,
	layout scores.Layout,
	parts []Part,
	report func(Progress),
) (objstore.Ref, error) {
	key := objstore.BatchOutputKey(taskID, layout.Format.Extension())
	if layout.Format == scores.Parquet {
		return a.join(ctx, key, layout, parts, report)
	}
	refs := make([]objstore.Ref, len(parts))
	for i, part := range parts {
		refs[i] = part.Ref
	}
	return a.o.Store.Compose(ctx, a.o.Bucket, key, layout.Format.MediaType(), layout.Header(), refs)
}

// join joins Parquet parts into one file.
func (a *Activities) join(
	ctx context.Context,
	key string,
	layout scores.Layout,
	parts []Part,
	report func(Progress),
) (objstore.Ref, error) {
	if len(parts) == 1 {
		return a.o.Store.Copy(ctx, parts[0].Ref, a.o.Bucket, key)
	}
	out := a.newSink(ctx, key, layout.Format.MediaType())
	err := func() error {
		joiner, err := layout.NewJoiner(out)
		if err != nil {
			return err
		}
		for i, part := range parts {
			if err := joiner.Append(a.o.Store.ReaderAt(ctx, part.Ref), part.Ref.Size); err != nil {
				return fmt.Errorf("join %s: %w", part.Ref.Key, err)
			}
			report(Progress{Done: int64(i + 1), Total: int64(len(parts)), Unit: "parts"})
		}
		return joiner.Close()
	}()
	ref, errOut := out.close(err)
	return ref, cmp.Or(err, errOut)
}

// assembleErrors joins the files of bad rows into one object. Without any, it returns the zero Ref.
func (a *Activities) assembleErrors(
	ctx context.Context,
	taskID string,
	prefix bool,
	parts []objstore.Ref,
) (objstore.Ref, error) {
	if len(parts) == 0 {
		return objstore.Ref{}, nil
	}
	for i, ref := range parts {
		var err error
		if parts[i], err = a.o.Store.Stat(ctx, ref.Bucket, ref.Key); err != nil {
			return objstore.Ref{}, err
		}
	}
	return a.o.Store.Compose(
		ctx,
		a.o.Bucket,
		objstore.BatchErrorsKey(taskID),
		"text/csv",
		[]byte(badRowsHeader(prefix)),
		parts,
	)
}
