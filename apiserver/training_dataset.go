package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/workflows"
)

// trainOnUpload trains on the CSV in the body of the request. One pass hashes the CSV, checks it and stores it. Only if
// all of it is good does it become a dataset and does the training start. atEnd may still refuse the request after the
// CSV.
func (s *Server) trainOnUpload(
	w http.ResponseWriter,
	r *http.Request,
	t *trainingRequest,
	body io.Reader,
	atEnd func() error,
) error {
	ctx := r.Context()
	if at, given := t.places["dataset"]; given {
		at.Detail = "is given, and a file as well: send one of them"
		return problem.Invalid(at)
	}
	in, err := t.resolve()
	if err != nil {
		return err
	}
	known, err := s.schema(ctx, in.Model)
	if err != nil {
		return err
	}
	if err := s.mustStart(ctx); err != nil {
		return err
	}
	id := workflows.NewTrainingID(in.Model)
	check := func(found dataset.Summary) error {
		if err := in.ClassWeight.Check(found.Schema); err != nil {
			return err
		}
		return atEnd()
	}
	kept, summary, err := s.uploads.keep(ctx, w, datasetUpload{id: id, body: body, check: check, scan: dataset.ScanOptions{
		Known:             known,
		LabelColumn:       in.LabelColumn,
		Features:          in.Features,
		AllowSchemaChange: in.AllowSchemaChange,
		MaxBytes:          s.MaxUpload,
	}})
	if err != nil {
		return t.locate(err)
	}
	in.DatasetURI = kept.URI()
	return s.startTraining(ctx, w, id, in, fmt.Sprintf("%d rows, dataset %.12s", summary.Profile.Rows, kept.SHA256))
}

var datasetWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// findDataset replaces the name of a dataset, or the beginning of its digest, by its URI.
func (s *Server) findDataset(ctx context.Context, t *trainingRequest) error {
	word := t.in.DatasetURI
	if !datasetWord.MatchString(word) {
		return nil
	}
	at := t.at("dataset")
	found, err := s.catalogue.Find(ctx, word)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		at.Detail = fmt.Sprintf(
			"%q is neither s3://bucket/key nor the name of a dataset, nor 12 digits or more that its digest begins with",
			problem.Clip(word),
		)
		return problem.Invalid(at)
	case len(found) > 1:
		at.Detail = fmt.Sprintf(
			"%q stands for %d datasets: give the digest of one, %.12s for example",
			problem.Clip(word),
			len(found),
			found[0].SHA256,
		)
		return problem.Invalid(at)
	}
	t.in.DatasetURI = found[0].URI()
	return nil
}

// checkDataset refuses an object that the workflow cannot or may not read.
func (s *Server) checkDataset(ctx context.Context, uri string, at problem.Fault) error {
	refuse := func(format string, args ...any) error {
		at.Detail = fmt.Sprintf(format, args...)
		return problem.Invalid(at)
	}
	ref, err := objstore.ParseURI(uri)
	if err != nil {
		return refuse("%s", err)
	}
	if err := s.catalogue.CheckReadable(ref); err != nil {
		return refuse("%s", err)
	}
	found, err := s.Store.Stat(ctx, ref.Bucket, ref.Key)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return refuse("there is no object %s", ref.URI())
	case err != nil:
		return fmt.Errorf("look for %s: %w", ref.URI(), err)
	case found.Size > s.MaxUpload:
		at.Detail = fmt.Sprintf("%s has %d bytes, the limit is %d", ref.URI(), found.Size, s.MaxUpload)
		return problem.New(http.StatusRequestEntityTooLarge, at.Detail, at)
	}
	return nil
}
