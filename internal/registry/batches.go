package registry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/objstore"
)

// Batch is a batch that a version has scored, as it is kept for longer than its results are.
type Batch struct {
	TaskID     string    `json:"task_id"`
	Model      string    `json:"model"`
	Version    string    `json:"version"`
	Rows       int64     `json:"rows"`
	Dataset    string    `json:"dataset,omitempty"` // digest, when the rows are a dataset
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
}

// NoteBatch notes a batch with the version that scored it, and with the dataset that its rows were, if they are one:
// input names them. The key is the batch's own, so that what is noted twice is there once.
func (r *Registry) NoteBatch(ctx context.Context, b Batch, input objstore.Ref) error {
	if err := checkName(b.Model); err != nil {
		return err
	}
	name := objstore.BatchNoteName(b.StartedAt, b.TaskID)
	keys := []string{objstore.VersionBatchesPrefix(b.Model, b.Version) + name}
	digest, err := r.digestOf(ctx, input)
	if err != nil {
		return fmt.Errorf("note batch %s: %w", b.TaskID, outage(err))
	}
	if b.Dataset = digest; digest != "" {
		keys = append(keys, objstore.DatasetBatchesPrefix(digest)+name)
	}
	for _, key := range keys {
		if _, err := r.store.PutJSON(ctx, r.bucket, key, b); err != nil {
			return fmt.Errorf("note batch %s: %w", b.TaskID, outage(err))
		}
	}
	return nil
}

// digestOf is the digest of the dataset that lies there, or that has the same bytes; "" when there is none.
func (r *Registry) digestOf(ctx context.Context, rows objstore.Ref) (string, error) {
	if digest, ok := objstore.DatasetDigest(rows.Key); ok && rows.Bucket == r.bucket {
		return digest, nil
	}
	if !digestPattern.MatchString(rows.SHA256) {
		return "", nil
	}
	_, err := r.store.Stat(ctx, r.bucket, objstore.DatasetKey(rows.SHA256))
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return rows.SHA256, nil
}

// VersionBatches lists the batches that a version has scored, newest first, and what begins the page after this one, as
// History does; none is no error. The page must have a limit.
func (r *Registry) VersionBatches(ctx context.Context, modelName, number string, page Page) ([]Batch, string, error) {
	if err := checkName(modelName); err != nil {
		return nil, "", err
	}
	return r.batches(ctx, objstore.VersionBatchesPrefix(modelName, number), page)
}

// DatasetBatches is VersionBatches for the batches whose rows were a dataset.
func (r *Registry) DatasetBatches(ctx context.Context, digest string, page Page) ([]Batch, string, error) {
	return r.batches(ctx, objstore.DatasetBatchesPrefix(digest), page)
}

func (r *Registry) batches(ctx context.Context, prefix string, page Page) ([]Batch, string, error) {
	after := page.After
	if after != "" {
		after = prefix + after
	}
	refs, err := r.store.ListPage(
		ctx,
		r.bucket,
		prefix,
		after,
		page.Limit+1,
	) // one more tells whether there is a next page
	if err != nil {
		return nil, "", fmt.Errorf("list batches: %w", outage(err))
	}
	next := ""
	if len(refs) > page.Limit {
		refs = refs[:page.Limit]
		next = path.Base(refs[page.Limit-1].Key)
	}
	batches := make([]Batch, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(noteReaders)
	for i, ref := range refs {
		group.Go(func() error { return r.store.GetJSON(ctx, ref.Bucket, ref.Key, &batches[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, "", fmt.Errorf("read batches: %w", outage(err))
	}
	return batches, next, nil
}
