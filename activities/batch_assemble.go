package activities

import (
	"context"
	"fmt"

	"iris/internal/objstore"
	"iris/internal/scores"
)

// assemble makes one object of the parts. S3 copies what it can by itself; Parquet, which has a footer for all of its
// rows, goes through the worker, row group by row group.
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

// join makes one Parquet of the parts.
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
	return ref, firstOf(err, errOut)
}

// assembleErrors makes one object of the files that name bad rows, if there are any.
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
		[]byte(errorsHeader(prefix)),
		parts,
	)
}
