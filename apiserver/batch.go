package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/apiserver/starts"
	"iris/internal/catalogue"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

// batches starts batch predictions and shows their results.
type batches struct {
	tasks     *tasks
	starts    *starts.Starts
	models    *serving.Models
	catalogue *catalogue.Catalogue
	uploads   *uploads
	answers   *idempotency.Answers
	store     *objstore.Store
	bucket    string
	bulk      httpio.Bulk
	accepted  *acceptedRows

	maxBody   int64 // bytes of JSON
	maxUpload int64 // bytes of a file, inflated
	maxData   int64 // bytes of the objects that a batch reads
}

// start starts a batch. Its rows are in the body, as JSON or as a file, or in the object store.
func (bs *batches) start(w http.ResponseWriter, r *http.Request) error {
	name := bs.models.Name(r)
	b := newBatchRequest(name)
	if err := b.readQuery(r.URL.RawQuery, b.parameters()); err != nil {
		return err
	}
	var err error
	if b.key, err = idempotency.Key(r); err != nil {
		return err
	}
	media, err := httpio.MediaType(r)
	if err != nil {
		return err
	}
	format, isFile := rowMedia[media]
	if !isFile && media != "" && media != "application/json" && media != "multipart/form-data" {
		return problem.New(http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Type %q is not understood: send application/json, a file as text/csv, application/jsonl "+
				"or application/vnd.apache.parquet, or multipart/form-data", problem.Clip(media)))
	}
	if err := bs.models.MustExist(r.Context(), name); err != nil {
		return err
	}
	release, err := bs.answers.Hold(r.Context(), "a batch of "+name, b.key)
	if err != nil {
		return err
	}
	defer release() // net/http sends the small answer of a start after the handler has returned
	switch {
	case isFile:
		return bs.startWithFile(w, r, b, rowFile{body: r.Body, format: format, atEnd: httpio.NothingFollows})
	case media == "multipart/form-data":
		return bs.startWithForm(w, r, b)
	}
	return bs.startWithJSON(w, r, b)
}

// startWithJSON starts a batch of rows in the request, after it has checked each of them, or of objects that the
// request names.
func (bs *batches) startWithJSON(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	ctx := r.Context()
	body, release, err := bs.bulk.Read(r, bs.maxBody)
	defer release()
	if err != nil {
		return err
	}
	data, err := b.readJSON(body, false)
	if err != nil {
		return err
	}
	switch {
	case data != nil && b.dataPath != "":
		return b.refuse("data_path", errors.New("is given, and data as well: send one of them"))
	case b.dataPath != "":
		return bs.startWithObjects(w, r, b)
	case data == nil:
		return &dataset.RowError{Pointer: "/data", Reason: "missing"}
	}
	served, columns, err := bs.pin(ctx, b)
	if err != nil {
		return err
	}
	lines, count, err := rowsCSV(columns, served.Model.Schema(), data)
	if err != nil {
		return err
	}
	free, err := bs.starts.Admit(ctx)
	if err != nil {
		return err
	}
	defer free()
	id := workflows.NewBatchID(b.in.Model)
	key := objstore.BatchInputKey(id, string(scores.CSV))
	b.in.Rows, err = bs.store.Put(ctx, bs.bucket, key, bytes.NewReader(lines), int64(len(lines)), "text/csv")
	if err != nil {
		return fmt.Errorf("store the rows of %s: %w", id, err)
	}
	b.in.Count, b.in.Format = int64(count), string(scores.CSV)
	return bs.startTask(w, r, b, starts.Task{
		ID: id, Summary: fmt.Sprintf("score %d rows with %s", count, versionLabel(served)),
		Priority: workflows.PriorityInteractive,
	})
}

// startWithObjects starts a batch of objects in the store.
func (bs *batches) startWithObjects(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	served, _, err := bs.pin(r.Context(), b)
	if err != nil {
		return err
	}
	at := b.at("data_path")
	ref, err := objstore.ParseObjects(b.dataPath)
	if err != nil {
		return refuseAt(at, err.Error())
	}
	if b.in.Rows, err = findInput(r.Context(), bs.catalogue, ref, bs.maxData, at); err != nil {
		return err
	}
	release, err := bs.starts.Admit(r.Context())
	if err != nil {
		return err
	}
	defer release()
	return bs.startTask(w, r, b, starts.Task{
		ID: workflows.NewBatchID(b.in.Model), Summary: fmt.Sprintf("score %s with %s", b.dataPath, versionLabel(served)),
		Priority: workflows.PriorityBulk,
	})
}

// pin checks a request and loads the version that scores it: the one that it names, or the champion that this process
// serves.
func (bs *batches) pin(ctx context.Context, b *batchRequest) (*champions.Served, rows.Columns, error) {
	if err := b.check(); err != nil {
		return nil, rows.Columns{}, err
	}
	var served *champions.Served
	var err error
	if b.in.ModelID != "" {
		served, err = bs.models.Load(ctx, b.in.Model, b.in.ModelID, b.at("model_id"))
	} else {
		served, err = bs.models.Version(ctx, b.in.Model, "")
	}
	if err != nil {
		return nil, rows.Columns{}, err
	}
	schema := served.Model.Schema()
	if err := b.checkLayout(schema.Classes); err != nil {
		return nil, rows.Columns{}, err
	}
	if b.in.Threshold != nil {
		if _, err := served.Model.WithThreshold(*b.in.Threshold); err != nil {
			return nil, rows.Columns{}, b.locate(err)
		}
	}
	b.modelID, b.in.ModelID = b.in.ModelID, served.Version.URI()
	return served, rows.Columns{
		Features: schema.Features, Keys: b.in.KeyColumns,
		Cells: dataset.CellsOf(schema, dataset.OnUnseen(b.in.OnUnseen)),
	}, nil
}

// versionLabel names a version in a summary.
func versionLabel(served *champions.Served) string {
	return served.Version.Model + "/" + served.Version.Number
}

// startTask starts the workflow, after the caller was admitted, and answers where to follow it. If the workflow does
// not start, or the same request has started it before, startTask removes the rows that were stored for it. If nobody
// knows whether it starts, the rows stay until they expire.
func (bs *batches) startTask(w http.ResponseWriter, r *http.Request, b *batchRequest, t starts.Task) (err error) {
	ctx := r.Context()
	started := false
	defer func() {
		var unknown *starts.UnknownError
		if !started && !errors.As(err, &unknown) && b.dataPath == "" {
			bs.uploads.discard(ctx, w, b.in.Rows)
		}
	}()
	if b.key != "" {
		t.ID = workflows.KeyedBatchID(b.in.Model, b.key)
		if t.Fingerprint, err = b.fingerprint(); err != nil {
			return err
		}
	}
	t.Model, t.Workflow, t.Input = b.in.Model, workflows.BatchPrediction, b.in
	if started, err = bs.starts.Once(ctx, t); err != nil {
		return err
	}
	if started {
		bs.accepted.add(b.in.Model, b.in.Count)
	}
	return bs.tasks.accept(ctx, w, workflows.BatchType, t.Model, batchLocation(t.Model, t.ID), Accepted{TaskID: t.ID})
}
