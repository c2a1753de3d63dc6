package apiserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/objstore"
)

func datasetReportOperation(path string) huma.Operation {
	return datasetOperation("get-dataset-report", http.MethodGet, path, "Get what a dataset is like",
		"The columns, the classes and the warnings as the last upload or training read them.")
}

type datasetReportInput struct {
	DatasetPath
	LabelColumn string `query:"label_column" maxLength:"256" doc:"The class column of the reading; by default that of the last one."`
}

type datasetReportOutput struct{ Body catalogue.Report }

// report answers what a dataset is like.
func (d *datasets) report(ctx context.Context, in *datasetReportInput) (*datasetReportOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	view, err := d.catalogue.LatestView(ctx, found.SHA256, in.LabelColumn)
	if errors.Is(err, objstore.ErrNotExist) {
		return nil, problem.NotFound("nobody has read dataset %.12s this way: train on it, or upload it again", found.SHA256)
	}
	if err != nil {
		return nil, err
	}
	return &datasetReportOutput{Body: view.Report(found.SHA256)}, nil
}
