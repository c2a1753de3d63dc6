package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/workflows"
)

// trainOnUpload trains on a CSV that arrives in the request. One pass hashes it, checks it and puts it into the store;
// only
// when all of it is good does it become a dataset, named by its hash, and is the training started. atEnd is asked
// before: it may still refuse the request.
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
	kept, summary, err := s.keepUpload(ctx, w, id, body, check, dataset.ScanOptions{
		Known:             known,
		LabelColumn:       in.LabelColumn,
		Features:          in.Features,
		AllowSchemaChange: in.AllowSchemaChange,
		MaxBytes:          s.MaxUpload,
	})
	if err != nil {
		return t.locate(err)
	}
	if err := s.noteUpload(ctx, kept.SHA256, body); err != nil {
		return err
	}
	in.Dataset = kept.URI()
	return s.startTraining(ctx, w, id, in, fmt.Sprintf("%d rows, dataset %.12s", summary.Profile.Rows, kept.SHA256))
}

// keepUpload makes a dataset of a CSV that arrives: it is read once, and kept when all of it is good and check, which
// is asked
// at the end, does not refuse it.
func (s *Server) keepUpload(
	ctx context.Context,
	w http.ResponseWriter,
	id string,
	body io.Reader,
	check func(dataset.Summary) error,
	o dataset.ScanOptions,
) (objstore.Ref, dataset.Summary, error) {
	var summary dataset.Summary
	upload, err := s.stream(ctx, objstore.UploadKey(id), "text/csv", body, func(r io.Reader) (err error) {
		summary, err = dataset.Scan(r, o)
		return err
	})
	if err != nil {
		return upload, summary, err
	}
	defer s.discard(ctx, w, upload)
	if err := check(summary); err != nil {
		return upload, summary, err
	}
	kept, err := s.keep(ctx, upload)
	if err != nil {
		return kept, summary, err
	}
	return kept, summary, s.noteUpload(ctx, kept.SHA256, body)
}

// stream reads a body once, into a check of it and into the store. When either fails the other is ended, and nothing is
// left.
// The check reads to the end, or fails.
func (s *Server) stream(
	ctx context.Context,
	key, mediaType string,
	body io.Reader,
	check func(io.Reader) error,
) (objstore.Ref, error) {
	out, in := io.Pipe()
	type stored struct {
		ref objstore.Ref
		err error
	}
	put := make(chan stored, 1)
	go func() {
		ref, err := s.Store.Put(ctx, s.Bucket, key, out, -1, mediaType)
		out.CloseWithError(err) // nil only at the end: then nobody writes any more
		put <- stored{ref, err}
	}()
	from := &remembering{r: body}
	to := &rememberingWriter{w: in}
	checkErr := check(io.TeeReader(from, to))
	in.CloseWithError(checkErr) // nil is the end of the object
	result := <-put
	switch {
	case from.err != nil:
		return objstore.Ref{}, httpio.BodyError(from.err)
	case to.err != nil: // the store failed first, which the check took for an error of its reader
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	case checkErr != nil:
		return objstore.Ref{}, checkErr
	case result.err != nil:
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	}
	return result.ref, nil
}

// keep makes an upload a dataset: the same bytes are the same object, and need not be copied twice.
func (s *Server) keep(ctx context.Context, upload objstore.Ref) (objstore.Ref, error) {
	key := objstore.DatasetKey(upload.SHA256)
	switch kept, err := s.Store.Stat(ctx, s.Bucket, key); {
	case err == nil && kept.Size == upload.Size:
		kept.SHA256 = upload.SHA256
		return kept, nil
	case err != nil && !errors.Is(err, objstore.ErrNotExist):
		return kept, fmt.Errorf("look for dataset %s: %w", upload.SHA256, err)
	}
	kept, err := s.Store.Copy(ctx, upload, s.Bucket, key)
	if err != nil {
		return kept, fmt.Errorf("keep dataset %s: %w", upload.SHA256, err)
	}
	return kept, nil
}

// remembering knows whether it was the reader that failed, whatever becomes of its error on the way.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// rememberingWriter is the same for a writer.
type rememberingWriter struct {
	w   io.Writer
	err error
}

func (w *rememberingWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
