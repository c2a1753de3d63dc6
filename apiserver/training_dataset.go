package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/workflows"
)

// startWithUpload starts a training with the file in the body of the request. One pass makes a plain CSV of the file,
// hashes the CSV, checks it and stores it. Only if all of it is good does it become a dataset and does the training
// start. atEnd may still refuse the request after the CSV.
func (ts *trainings) startWithUpload(
	w http.ResponseWriter, r *http.Request, t *trainingRequest, body tableBody, atEnd func() error,
) error {
	ctx := r.Context()
	if _, given := t.places["dataset"]; given {
		return t.refuse("dataset", errors.New("is given, and a file as well: send one of them"))
	}
	in, err := t.resolve()
	if err != nil {
		return err
	}
	known, err := ts.schema(ctx, in.Model)
	if err != nil {
		return err
	}
	if err := ts.starts.CheckFree(ctx); err != nil {
		return err
	}
	id := workflows.NewTrainingID(in.Model)
	check := func(found dataset.Summary) error {
		if err := in.ClassWeight.Check(found.Schema); err != nil {
			return err
		}
		if err := in.CheckClasses(found.Schema); err != nil {
			return err
		}
		return atEnd()
	}
	scan := in.CellRules.Options()
	scan.Known, scan.LabelColumn, scan.Features = known, in.LabelColumn, in.Features
	scan.AllowSchemaChange, scan.LeaveOutIDs, scan.MaxBytes = in.AllowSchemaChange, in.LeavesOutIDs(), ts.maxUpload
	file := datasetUpload{id: id, file: body, how: in.Reading, check: check, scan: scan}
	got, err := ts.uploads.receive(ctx, w, file)
	if err != nil {
		return t.locate(err)
	}
	defer ts.uploads.discard(ctx, w, got.upload)
	scan.Schema, scan.Header = &got.summary.Schema, got.header
	if err := ts.uploads.checkVariety(ctx, got.upload, got.summary, scan, in.CrossValidates()); err != nil {
		return err
	}
	t.found = workflows.NewFindings(got.summary)
	kept, err := ts.uploads.keep(ctx, file, got.upload)
	if err != nil {
		return err
	}
	in.DatasetURI, in.Reading = kept.URI(), got.plain
	if err := t.identify(kept.SHA256); err != nil {
		return err
	}
	data := fmt.Sprintf("%d rows, dataset %.12s", got.summary.Profile.Rows, kept.SHA256)
	return ts.startTask(ctx, w, t, trainingTask(id, in, data))
}

// startWithStored starts a training with an object in the store, or with the bundled data.
func (ts *trainings) startWithStored(w http.ResponseWriter, r *http.Request, t *trainingRequest) error {
	ctx := r.Context()
	if err := t.identify(""); err != nil { // before the name of a dataset becomes its URI
		return err
	}
	if err := ts.findDataset(ctx, t); err != nil {
		return err
	}
	in, err := t.resolve()
	if err != nil {
		return err
	}
	data := "the bundled iris data"
	switch {
	case in.DatasetURI != "":
		ref, err := objstore.ParseURI(in.DatasetURI)
		if err != nil {
			return t.refuse("dataset", err)
		}
		if _, err := findInput(ctx, ts.catalogue, ref, ts.maxUpload, t.at("dataset")); err != nil {
			return err
		}
		data = in.DatasetURI
	case in.Model != dataset.IrisModel:
		return problem.New(http.StatusUnprocessableEntity,
			fmt.Sprintf("no data: send a CSV or name one with data_path; only %s has data of its own", dataset.IrisModel))
	}
	return ts.startTask(ctx, w, t, trainingTask(workflows.NewTrainingID(in.Model), in, data))
}

var datasetWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// findDataset replaces the name of a dataset, or the beginning of its digest, by its URI.
func (ts *trainings) findDataset(ctx context.Context, t *trainingRequest) error {
	word := t.in.DatasetURI
	if !datasetWord.MatchString(word) {
		return nil
	}
	found, err := ts.catalogue.Find(ctx, word)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return t.refuse("dataset", fmt.Errorf(
			"%q is neither s3://bucket/key nor the name of a dataset, nor 12 digits or more that its digest begins with",
			problem.Clip(word)))
	case len(found) > 1:
		return t.refuse("dataset", fmt.Errorf("%q stands for %d datasets: give the digest of one, %.12s for example",
			problem.Clip(word), len(found), found[0].SHA256))
	}
	t.in.DatasetURI = found[0].URI()
	return nil
}
