package apiserver

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/httpio"
	"iris/internal/catalogue"
)

// BatchUse is a batch as a version or a dataset lists those that used it. It outlives the results of the batch.
type BatchUse struct {
	TaskID     string        `json:"task_id"`
	Model      string        `json:"model" example:"iris"`
	Version    string        `json:"version" doc:"number of the version that scored it" example:"3"`
	Rows       int64         `json:"rows"`
	Dataset    string        `json:"dataset,omitempty" doc:"digest of the dataset that its rows were, when they were one"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt time.Time     `json:"finished_at"`
	Links      BatchUseLinks `json:"links"`
}

// BatchUseLinks are routes of this API.
type BatchUseLinks struct {
	Task    string `json:"task"`
	Result  string `json:"result" doc:"404 once the results have expired"`
	Version string `json:"version"`
}

type batchesOutput struct {
	Body struct {
		Batches       []BatchUse `json:"batches" nullable:"false" doc:"those that are complete, newest first"`
		NextPageToken string     `json:"next_page_token" doc:"empty on the last page"`
	}
}

type versionBatchesInput struct {
	Model     string `path:"model" doc:"name of a model" example:"iris"`
	Version   string `path:"version" doc:"number of a version" example:"3"`
	PageSize  int    `query:"page_size" minimum:"0" doc:"at most so many; 0 is 50, and no page has more than 200"`
	PageToken string `query:"page_token" maxLength:"10000" doc:"next_page_token of the page before"`
}

// getVersionBatches lists the batches that a version has scored.
func (s *Server) getVersionBatches(ctx context.Context, in *versionBatchesInput) (*batchesOutput, error) {
	v, err := s.getVersion(ctx, &versionInput{Model: in.Model, Version: in.Version})
	if err != nil {
		return nil, err
	}
	model, number := v.Body.Model, v.Body.Version
	return batchPage(
		"batches of "+model+"/"+number,
		in.PageSize,
		in.PageToken,
		func(limit int, after string) ([]catalogue.Batch, string, error) {
			ctx, cancel := httpio.WithDeadline(ctx)
			defer cancel()
			return s.catalogue.VersionBatches(ctx, model, number, limit, after)
		},
	)
}

type datasetBatchesInput struct {
	Digest    string `path:"digest" pattern:"^[0-9a-f]{12,64}$" patternDescription:"12 to 64 lower-case hexadecimal digits" doc:"the SHA-256, or as much of its beginning as no other has" example:"ab12cd34ef56"`
	PageSize  int    `query:"page_size" minimum:"0" doc:"at most so many; 0 is 50, and no page has more than 200"`
	PageToken string `query:"page_token" maxLength:"10000" doc:"next_page_token of the page before"`
}

// batches lists the batches whose rows were a dataset.
func (d *datasets) batches(ctx context.Context, in *datasetBatchesInput) (*batchesOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	return batchPage(
		"batches of dataset "+found.SHA256,
		in.PageSize,
		in.PageToken,
		func(limit int, after string) ([]catalogue.Batch, string, error) {
			ctx, cancel := httpio.WithDeadline(ctx)
			defer cancel()
			return d.catalogue.DatasetBatches(ctx, found.SHA256, limit, after)
		},
	)
}

// batchPage reads one page of a list of batches.
func batchPage(
	list string,
	size int,
	token string,
	read func(limit int, after string) ([]catalogue.Batch, string, error),
) (*batchesOutput, error) {
	after, err := openPageToken(list, token)
	if err != nil {
		return nil, err
	}
	batches, next, err := read(min(cmp.Or(size, defaultPageSize), maxPageSize), string(after))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", list, err)
	}
	out := new(batchesOutput)
	out.Body.NextPageToken = pageToken(list, []byte(next))
	out.Body.Batches = make([]BatchUse, len(batches))
	for i, b := range batches {
		id := url.PathEscape(b.TaskID)
		out.Body.Batches[i] = BatchUse{
			TaskID:     b.TaskID,
			Model:      b.Model,
			Version:    b.Version,
			Rows:       b.Rows,
			Dataset:    b.Dataset,
			StartedAt:  b.StartedAt,
			FinishedAt: b.FinishedAt,
			Links: BatchUseLinks{
				Task:    "/tasks/" + id,
				Result:  "/" + b.Model + "/predict/batch/" + id,
				Version: "/" + b.Model + "/versions/" + b.Version,
			},
		}
	}
	return out, nil
}

func versionBatchesOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-version-batches",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "List the batches that a version has scored",
	}
}

func datasetBatchesOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-dataset-batches",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"datasets"},
		Summary:     "List the batches whose rows were a dataset",
	}
}
