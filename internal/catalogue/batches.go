package catalogue

import (
	"context"
	"fmt"
	"path"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/objstore"
	"iris/model"
)

// Batch records that a version scored a batch. It outlives the results of the batch.
type Batch struct {
	TaskID     string    `json:"task_id"`
	Model      string    `json:"model"`
	Version    string    `json:"version"`
	Rows       int64     `json:"rows"`
	Dataset    string    `json:"dataset,omitempty"` // digest; "" if the rows are not a dataset
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
}

// RecordBatch records a batch for the version that scored it and, if input is a dataset or has the bytes of one, for
// that dataset. The key contains the id of the batch, so recording twice has the effect of recording once.
func (c *Catalogue) RecordBatch(ctx context.Context, b Batch, input objstore.Ref) error {
	prefix, err := versionBatches(b.Model, b.Version)
	if err != nil {
		return err
	}
	name := objstore.BatchRecordName(b.StartedAt, b.TaskID)
	keys := []string{prefix + name}
	if b.Dataset, err = c.digestOf(ctx, input); err != nil {
		return fmt.Errorf("record batch %s: %w", b.TaskID, err)
	}
	if b.Dataset != "" {
		keys = append(keys, objstore.DatasetBatchesPrefix(b.Dataset)+name)
	}
	for _, key := range keys {
		if _, err := c.store.PutJSON(ctx, c.bucket, key, b); err != nil {
			return fmt.Errorf("record batch %s: %w", b.TaskID, err)
		}
	}
	return nil
}

// VersionBatches lists at most limit batches that a version scored, newest first. The page begins after the batch that
// the page before returned as next; "" begins the first page and marks the last one.
func (c *Catalogue) VersionBatches(
	ctx context.Context,
	modelName, number string,
	limit int,
	after string,
) (batches []Batch, next string, err error) {
	prefix, err := versionBatches(modelName, number)
	if err != nil {
		return nil, "", err
	}
	return c.batches(ctx, prefix, limit, after)
}

// DatasetBatches is VersionBatches for the batches whose rows were a dataset.
func (c *Catalogue) DatasetBatches(
	ctx context.Context,
	digest string,
	limit int,
	after string,
) (batches []Batch, next string, err error) {
	return c.batches(ctx, objstore.DatasetBatchesPrefix(digest), limit, after)
}

// versionBatches returns the prefix of the records of a version.
func versionBatches(modelName, number string) (string, error) {
	if err := model.CheckName(modelName); err != nil {
		return "", err
	}
	return objstore.VersionBatchesPrefix(modelName, number), nil
}

func (c *Catalogue) batches(ctx context.Context, prefix string, limit int, after string) ([]Batch, string, error) {
	if after != "" {
		after = prefix + after
	}
	refs, err := c.store.ListPage(ctx, c.bucket, prefix, after, limit+1) // one more shows whether a next page exists
	if err != nil {
		return nil, "", fmt.Errorf("list batches: %w", err)
	}
	next := ""
	if len(refs) > limit {
		refs = refs[:limit]
		next = path.Base(refs[limit-1].Key)
	}
	batches := make([]Batch, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReaders)
	for i, ref := range refs {
		group.Go(func() error { return c.store.GetJSON(ctx, ref.Bucket, ref.Key, &batches[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, "", fmt.Errorf("read batches: %w", err)
	}
	return batches, next, nil
}
