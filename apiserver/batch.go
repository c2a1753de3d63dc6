package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/workflows"
)

// maxObjects is how many objects one batch reads.
const maxObjects = 1000

// handleBatch starts a batch prediction. Its rows come in the body, as JSON or as a file, or lie in the object store.
func (s *Server) handleBatch(w http.ResponseWriter, r *http.Request) error {
	name := s.serving.Name(r)
	b := newBatchRequest(name)
	if err := b.query(r.URL.RawQuery); err != nil {
		return err
	}
	var err error
	if b.key, err = idempotencyKey(r); err != nil {
		return err
	}
	media, err := httpio.MediaType(r)
	if err != nil {
		return err
	}
	format, isFile := rowMedia[media]
	if !isFile && media != "" && media != "application/json" && media != "multipart/form-data" {
		return problem.New(
			http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Type %q is not understood: send application/json, a file as "+
				"text/csv, application/jsonl or application/vnd.apache.parquet, or multipart/form-data", problem.Clip(media)),
		)
	}
	if err := s.serving.MustExist(r.Context(), name); err != nil {
		return err
	}
	switch {
	case isFile:
		return s.batchOfFile(w, r, b, rowFile{body: r.Body, format: format, atEnd: httpio.NothingFollows})
	case media == "multipart/form-data":
		return s.batchOfForm(w, r, b)
	}
	return s.batchOfJSON(w, r, b)
}

// batchOfJSON starts a batch on rows that are in the request, each of which is checked before, or on objects that it
// names.
func (s *Server) batchOfJSON(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	ctx := r.Context()
	body, release, err := s.bulk.Read(r, s.MaxBody)
	defer release()
	if err != nil {
		return err
	}
	data, err := b.body(body, false)
	if err != nil {
		return err
	}
	switch {
	case data != nil && b.dataPath != "":
		return b.refuse("data_path", errors.New("is given, and data as well: send one of them"))
	case b.dataPath != "":
		return s.batchOfStored(w, r, b)
	case data == nil:
		return &dataset.RowError{Pointer: "/data", Reason: "missing"}
	}
	served, columns, err := s.pinned(ctx, b)
	if err != nil {
		return err
	}
	isFeature := func(key string) bool { return slices.Contains(columns.Features, key) }
	lines, count, err := rowsCSV(columns.Features, slices.DeleteFunc(slices.Clone(columns.Keys), isFeature), data)
	if err != nil {
		return err
	}
	id := workflows.NewBatchID(b.in.Model)
	b.in.Rows, err = s.Store.Put(
		ctx,
		s.Bucket,
		objstore.BatchInputKey(id, "csv"),
		bytes.NewReader(lines),
		int64(len(lines)),
		"text/csv",
	)
	if err != nil {
		return fmt.Errorf("store the rows of %s: %w", id, err)
	}
	b.in.Count, b.in.Format = int64(count), string(rows.CSV)
	return s.startBatch(
		w,
		r,
		b,
		newTask{
			id:       id,
			summary:  fmt.Sprintf("score %d rows with %s", count, label(served)),
			priority: workflows.PriorityInteractive,
		},
	)
}

// batchOfStored starts a batch on objects that are in the store already.
func (s *Server) batchOfStored(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	served, _, err := s.pinned(r.Context(), b)
	if err != nil {
		return err
	}
	if b.in.Rows, err = s.storedRows(r.Context(), b.dataPath, b.at("data_path")); err != nil {
		return err
	}
	return s.startBatch(w, r, b, newTask{
		id: workflows.NewBatchID(
			b.in.Model,
		),
		summary:  fmt.Sprintf("score %s with %s", b.dataPath, label(served)),
		priority: workflows.PriorityBulk,
	})
}

// storedRows finds the objects that a batch is to read, and refuses what it could not, or must not.
func (s *Server) storedRows(ctx context.Context, uri string, at problem.Fault) (objstore.Ref, error) {
	refuse := func(format string, args ...any) (objstore.Ref, error) {
		at.Detail = fmt.Sprintf(format, args...)
		return objstore.Ref{}, problem.Invalid(at)
	}
	ref, err := objstore.ParseObjects(uri)
	if err != nil {
		return refuse("%s", err)
	}
	if err := s.catalogue.CheckReadable(ref); err != nil {
		return refuse("%s", err)
	}
	var found []objstore.Ref
	if strings.HasSuffix(ref.Key, "/") {
		found, err = s.Store.ListAtMost(ctx, ref.Bucket, ref.Key, 2*maxObjects+1)
		found = slices.DeleteFunc(found, isMark)
	} else {
		found = make([]objstore.Ref, 1)
		found[0], err = s.Store.Stat(ctx, ref.Bucket, ref.Key)
	}
	switch {
	case err != nil && !errors.Is(err, objstore.ErrNotExist):
		return ref, fmt.Errorf("look for %s: %w", ref.URI(), err)
	case err != nil || len(found) == 0:
		return refuse("there is no object %s", ref.URI())
	case len(found) > maxObjects:
		return refuse("there are more than %d objects under %s", maxObjects, ref.URI())
	}
	for _, object := range found {
		ref.Size += object.Size
	}
	if ref.Size > s.MaxBatchData {
		at.Detail = fmt.Sprintf("%s has %d bytes, the limit is %d", ref.URI(), ref.Size, s.MaxBatchData)
		return ref, problem.New(http.StatusRequestEntityTooLarge, at.Detail, at)
	}
	return ref, nil
}

// isMark reports whether an object is none of those that a batch under a prefix reads: a folder, or a mark of the
// program that
// wrote the others, such as _SUCCESS.
func isMark(ref objstore.Ref) bool {
	name := path.Base(ref.Key)
	return ref.Size == 0 || name[0] == '.' || name[0] == '_' || strings.HasSuffix(ref.Key, "/")
}

// pinned checks a request and loads the version that it asks for. Without one it is the champion that this process
// serves.
func (s *Server) pinned(ctx context.Context, b *batchRequest) (*champions.Served, rows.Columns, error) {
	if err := b.resolve(); err != nil {
		return nil, rows.Columns{}, err
	}
	served, err := s.pin(ctx, b)
	if err != nil {
		return nil, rows.Columns{}, err
	}
	schema := served.Model.Schema()
	if err := b.layout(schema.Classes); err != nil {
		return nil, rows.Columns{}, err
	}
	b.askedFor, b.in.ModelID = b.in.ModelID, served.Version.URI()
	return served, rows.Columns{Features: schema.Features, Keys: b.in.KeyColumns}, nil
}

func (s *Server) pin(ctx context.Context, b *batchRequest) (*champions.Served, error) {
	name := b.in.Model
	if b.in.ModelID != "" {
		return s.serving.Load(ctx, name, b.in.ModelID, b.at("model_id"))
	}
	if served := s.Cache.Champion(name); served != nil {
		return served, nil
	}
	return nil, s.serving.NoChampion(ctx, name)
}

// label names a version for a summary.
func label(served *champions.Served) string {
	return served.Version.Model + "/" + served.Version.Number
}

// startBatch starts the workflow and answers where it can be followed. Rows that were stored for it are removed unless
// it reads
// them: when it is not started, or was before by the same request.
func (s *Server) startBatch(w http.ResponseWriter, r *http.Request, b *batchRequest, t newTask) (err error) {
	ctx := r.Context()
	unused := b.dataPath == ""
	defer func() {
		if unused {
			s.uploads.discard(ctx, w, b.in.Rows)
		}
	}()
	if b.key != "" {
		t.id = workflows.KeyedBatchID(b.in.Model, b.key)
		if t.fingerprint, err = b.fingerprint(); err != nil {
			return err
		}
	}
	t.model = b.in.Model
	if _, err = s.startTask(ctx, t, workflows.BatchPrediction, b.in); err != nil {
		if before, err := s.startedBefore(ctx, t.id, t.fingerprint, err); !before {
			return err
		}
	} else {
		unused = false
		s.metrics.batched.WithLabelValues(b.in.Model).Add(float64(b.in.Count))
	}
	return accepted(w, batchLocation(b.in.Model, t.id), t.id)
}

// batchLocation is the route of the results of a batch.
func batchLocation(modelName, id string) string {
	return "/" + modelName + "/predict/batch/" + url.PathEscape(id)
}
