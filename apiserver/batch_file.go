package apiserver

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/starts"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

// rowMedia are the media types of files of rows.
var rowMedia = map[string]scores.Format{
	"text/csv":                       scores.CSV,
	"application/jsonl":              scores.JSONL,
	"application/jsonlines":          scores.JSONL,
	"application/x-jsonlines":        scores.JSONL,
	"application/x-ndjson":           scores.JSONL,
	"application/vnd.apache.parquet": scores.Parquet,
}

// rowFile is a file of rows that arrives in a request.
type rowFile struct {
	body   io.Reader
	format scores.Format
	atEnd  func() error // checks what follows the body, and may still refuse the request
}

// startWithForm reads a form: the part `request`, if any, then the part `file`, unless the first one names objects.
func (bs *batches) startWithForm(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	part, atEnd, err := httpio.FormFile(r, b.readPart)
	switch {
	case err != nil:
		return err
	case part == nil && b.dataPath != "":
		return bs.startWithObjects(w, r, b)
	case part == nil:
		return problem.Invalid(problem.Fault{Parameter: "file", Detail: "is missing"})
	}
	f, err := rowFileOf(part)
	if err != nil {
		return err
	}
	f.atEnd = atEnd
	return bs.startWithFile(w, r, b, f)
}

// rowFileOf tells the format of the file of a form by its media type, or else by its name. It unpacks gzip.
func rowFileOf(part *multipart.Part) (f rowFile, err error) {
	f.body = part
	header := part.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		media = "" // absent or malformed: the name decides
	}
	name := strings.ToLower(part.FileName())
	known := false
	if f.format, known = rowMedia[media]; !known {
		if f.format, err = rows.FormatOf("", name); err != nil {
			return f, err
		}
	}
	packed := strings.HasSuffix(name, ".gz") || media == "application/gzip" || media == "application/x-gzip"
	switch path.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".csv", ".jsonl", ".ndjson", ".parquet":
		known = true
	}
	switch media {
	case "", "application/octet-stream", "text/plain":
		known = true
	}
	if !known && !packed {
		return f, problem.New(http.StatusUnsupportedMediaType,
			fmt.Sprintf("a file of type %q is not understood: send text/csv, application/jsonl "+
				"or application/vnd.apache.parquet", problem.Clip(header)))
	}
	if packed {
		if f.body, err = gzip.NewReader(part); err != nil {
			return f, problem.New(http.StatusBadRequest, "the file is not gzip, though its name or type says so")
		}
	}
	return f, nil
}

// startWithFile starts a batch of a file that arrives. The file is stored while it arrives, so memory does not grow
// with it. Unless the batch starts, the file is removed.
func (bs *batches) startWithFile(w http.ResponseWriter, r *http.Request, b *batchRequest, f rowFile) error {
	ctx := r.Context()
	if b.dataPath != "" {
		return b.refuse("data_path", errors.New("is given, and a file as well: send one of them"))
	}
	if r.ContentLength > bs.maxUpload {
		return &http.MaxBytesError{Limit: bs.maxUpload}
	}
	served, columns, err := bs.pin(ctx, b)
	if err != nil {
		return err
	}
	if err := bs.starts.CheckFree(ctx); err != nil {
		return err
	}
	id := workflows.NewBatchID(b.in.Model)
	b.in.Format = string(f.format)
	f.body = http.MaxBytesReader(w, io.NopCloser(f.body), bs.maxUpload)
	if b.in.Rows, b.in.Count, err = bs.storeFile(ctx, id, f, columns); err != nil {
		return err
	}
	err = f.atEnd()
	if err == nil && f.format == scores.Parquet {
		b.in.Count, err = bs.checkParquet(ctx, b.in.Rows, columns)
	}
	release := func() {}
	if err == nil {
		release, err = bs.starts.Admit(ctx)
	}
	if err != nil {
		bs.uploads.discard(ctx, w, b.in.Rows)
		return err
	}
	defer release()
	return bs.startTask(w, r, b, starts.Task{
		ID:       id,
		Summary:  fmt.Sprintf("score %d rows of %d bytes with %s", b.in.Count, b.in.Rows.Size, versionLabel(served)),
		Priority: workflows.PriorityBulk,
	})
}

// storeFile stores a file and counts its rows in the same pass. A CSV must have the columns. Bad rows are the business
// of the workflow.
func (bs *batches) storeFile(
	ctx context.Context, id string, f rowFile, columns rows.Columns,
) (ref objstore.Ref, count int64, err error) {
	key := objstore.BatchInputKey(id, string(f.format))
	mediaType := "application/octet-stream"
	for media, format := range rowMedia {
		if format == f.format && media != "application/x-ndjson" {
			mediaType = media
		}
	}
	ref, err = bs.uploads.stream(ctx, key, mediaType, f.body, func(r io.Reader) error {
		if f.format == scores.Parquet { // its columns are at its end
			_, err := io.Copy(io.Discard, r)
			return err
		}
		cuts, err := rows.Cut(r, f.format, columns, math.MaxInt64, func(int64) {})
		count = cuts.Rows
		return err
	})
	return ref, count, err
}

// checkParquet checks the columns of a Parquet file that is in the store, and returns the number of its rows.
func (bs *batches) checkParquet(ctx context.Context, ref objstore.Ref, columns rows.Columns) (int64, error) {
	const rowsPerShard = math.MaxInt32 // the shards are not used
	cuts, err := rows.CutParquet(bs.store.ReaderAt(ctx, ref), ref.Size, columns, rowsPerShard, 1)
	return cuts.Rows, err
}
