package apiserver

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"iris/apiserver/httpio"
	"iris/internal/catalogue"
)

// BatchUse is a batch in the list of a version or of a dataset. It outlives the results of the batch.
type BatchUse struct {
	TaskID        string        `json:"task_id"`
	Model         string        `json:"model" example:"iris"`
	Version       string        `json:"version" doc:"Number of the version that scored the batch." example:"3"`
	Rows          int64         `json:"rows"`
	DatasetSHA256 string        `json:"dataset_sha256,omitempty" doc:"SHA-256 of the dataset, if the rows are one."`
	Dataset       string        `json:"dataset,omitempty" doc:"The older name of dataset_sha256." deprecated:"true"`
	StartedAt     time.Time     `json:"started_at"`
	FinishedAt    time.Time     `json:"finished_at"`
	Links         BatchUseLinks `json:"links"`
}

// BatchUseLinks are routes of this API.
type BatchUseLinks struct {
	Task    string `json:"task"`
	Result  string `json:"result" doc:"404 after the results have expired."`
	Version string `json:"version"`
}

type batchesOutput struct {
	Body struct {
		Batches       []BatchUse `json:"batches" nullable:"false" doc:"Complete batches, newest first."`
		NextPageToken string     `json:"next_page_token" doc:"Empty on the last page."`
	}
}

type versionBatchesInput struct {
	ModelPath
	Version string `path:"version" doc:"Number of a version." example:"3"`
	PageQuery
}

// batches lists the batches that a version scored.
func (m *models) batches(ctx context.Context, in *versionBatchesInput) (*batchesOutput, error) {
	v, err := m.find(ctx, &versionInput{ModelPath: in.ModelPath, Version: in.Version})
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context, after string) ([]catalogue.Batch, string, error) {
		return m.catalogue.VersionBatches(ctx, v.Model, v.Number, in.size(), after)
	}
	return batchPage(ctx, "batches of "+v.Model+"/"+v.Number, in.PageQuery, read)
}

type datasetBatchesInput struct {
	DatasetPath
	PageQuery
}

// batches lists the batches whose rows were a dataset.
func (d *datasets) batches(ctx context.Context, in *datasetBatchesInput) (*batchesOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context, after string) ([]catalogue.Batch, string, error) {
		return d.catalogue.DatasetBatches(ctx, found.SHA256, in.size(), after)
	}
	return batchPage(ctx, "batches of dataset "+found.SHA256, in.PageQuery, read)
}

// batchPage answers with one page of a list of batches.
func batchPage(
	ctx context.Context,
	list string,
	page PageQuery,
	read func(ctx context.Context, after string) (batches []catalogue.Batch, next string, err error),
) (*batchesOutput, error) {
	after, err := openPageToken(list, page.PageToken)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	batches, next, err := read(ctx, string(after))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", list, err)
	}
	out := new(batchesOutput)
	out.Body.NextPageToken = pageToken(list, []byte(next))
	out.Body.Batches = make([]BatchUse, len(batches))
	for i, b := range batches {
		out.Body.Batches[i] = BatchUse{
			TaskID:        b.TaskID,
			Model:         b.Model,
			Version:       b.Version,
			Rows:          b.Rows,
			DatasetSHA256: b.Dataset,
			Dataset:       b.Dataset,
			StartedAt:     b.StartedAt,
			FinishedAt:    b.FinishedAt,
			Links: BatchUseLinks{
				Task:    "/tasks/" + url.PathEscape(b.TaskID),
				Result:  batchLocation(b.Model, b.TaskID),
				Version: versionLocation(b.Model, b.Version),
			},
		}
	}
	return out, nil
}
