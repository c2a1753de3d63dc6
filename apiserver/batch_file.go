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
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/workflows"
)

// rowMedia are the media types of files of rows.
var rowMedia = map[string]rows.Format{
	"text/csv":                       rows.CSV,
	"application/jsonl":              rows.JSONL,
	"application/x-ndjson":           rows.JSONL,
	"application/vnd.apache.parquet": rows.Parquet,
}

// rowFile is a file of rows that arrives.
type rowFile struct {
	body   io.Reader
	format rows.Format
	atEnd  func() error // asked behind the body: it may still refuse the request
}

// batchOfForm reads a form: the part `request`, if any, then the part `file`, unless the first names objects.
func (s *Server) batchOfForm(w http.ResponseWriter, r *http.Request, b *batchRequest) error {
	part, atEnd, err := httpio.FormFile(r, b.part)
	switch {
	case err != nil:
		return err
	case part == nil && b.dataPath != "":
		return s.batchOfStored(w, r, b)
	case part == nil:
		return problem.Invalid(problem.Fault{Parameter: "file", Detail: "is missing"})
	}
	f, err := formRows(part)
	if err != nil {
		return err
	}
	f.atEnd = atEnd
	return s.batchOfFile(w, r, b, f)
}

// formRows finds out what the file of a form is by its type, or else by its name. One that was packed with gzip is
// unpacked.
func formRows(part *multipart.Part) (f rowFile, err error) {
	f.body = part
	header := part.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		media = "" // none, or none that could be understood: its name says what it is
	}
	name := strings.ToLower(part.FileName())
	known := false
	if f.format, known = rowMedia[media]; !known {
		if f.format, err = rows.FormatOf("", name); err != nil {
			return f, err
		}
	}
	packed := strings.HasSuffix(name, ".gz") || media == "application/gzip" || media == "application/x-gzip"
	switch ext := path.Ext(strings.TrimSuffix(name, ".gz")); {
	case known,
		packed,
		ext == ".csv",
		ext == ".jsonl",
		ext == ".ndjson",
		ext == ".parquet",
		media == "",
		media == "application/octet-stream",
		media == "text/plain":
	default:
		return f, problem.New(
			http.StatusUnsupportedMediaType,
			fmt.Sprintf("a file of type %q is not understood: send text/csv, application/jsonl "+
				"or application/vnd.apache.parquet", problem.Clip(header)),
		)
	}
	if packed {
		if f.body, err = gzip.NewReader(part); err != nil {
			return f, problem.New(http.StatusBadRequest, "the file is not gzip, though its name or type says so")
		}
	}
	return f, nil
}

// batchOfFile starts a batch on a file that arrives. It goes to the store as it comes: memory does not grow with it,
// and
// nothing of it is left unless the batch is started.
func (s *Server) batchOfFile(w http.ResponseWriter, r *http.Request, b *batchRequest, f rowFile) error {
	ctx := r.Context()
	if b.dataPath != "" {
		return b.refuse("data_path", errors.New("is given, and a file as well: send one of them"))
	}
	if r.ContentLength > s.MaxBatchUpload {
		return &http.MaxBytesError{Limit: s.MaxBatchUpload}
	}
	served, columns, err := s.pinned(ctx, b)
	if err != nil {
		return err
	}
	if err := s.mustStart(ctx); err != nil {
		return err
	}
	id := workflows.NewBatchID(b.in.Model)
	b.in.Format = string(f.format)
	f.body = http.MaxBytesReader(w, io.NopCloser(f.body), s.MaxBatchUpload)
	if b.in.Rows, b.in.Count, err = s.storeRows(ctx, id, f, columns); err != nil {
		return err
	}
	err = f.atEnd()
	if err == nil && f.format == rows.Parquet {
		b.in.Count, err = s.checkParquet(ctx, b.in.Rows, columns)
	}
	if err != nil {
		s.uploads.discard(ctx, w, b.in.Rows)
		return err
	}
	return s.startBatch(w, r, b, newTask{
		id:       id,
		summary:  fmt.Sprintf("score %d rows of %d bytes with %s", b.in.Count, b.in.Rows.Size, label(served)),
		priority: workflows.PriorityBulk,
	})
}

// storeRows stores a file and counts its rows on the way. A CSV must have the columns; a row that is bad is no matter
// here.
func (s *Server) storeRows(
	ctx context.Context,
	id string,
	f rowFile,
	columns rows.Columns,
) (ref objstore.Ref, count int64, err error) {
	key := objstore.BatchInputKey(id, string(f.format))
	mediaType := "application/octet-stream"
	for media, format := range rowMedia {
		if format == f.format && media != "application/x-ndjson" {
			mediaType = media
		}
	}
	ref, err = s.uploads.stream(ctx, key, mediaType, f.body, func(r io.Reader) error {
		if f.format == rows.Parquet { // which can be read from its end alone
			_, err := io.Copy(io.Discard, r)
			return err
		}
		cuts, err := rows.Cut(r, f.format, columns, math.MaxInt64, func(int64) {})
		count = cuts.Rows
		return err
	})
	return ref, count, err
}

// checkParquet reads the end of a file that has arrived: it must have the columns.
func (s *Server) checkParquet(ctx context.Context, ref objstore.Ref, columns rows.Columns) (int64, error) {
	const shard = math.MaxInt32 // rows: there is no use for shards here
	cuts, err := rows.CutParquet(s.Store.ReaderAt(ctx, ref), ref.Size, columns, shard, 1)
	return cuts.Rows, err
}
