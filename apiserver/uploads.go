package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"iris/apiserver/httpio"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/tablefile"
)

// cleanupTimeout bounds the removal of an object that a request leaves behind.
const cleanupTimeout = 10 * time.Second

// uploads stores the bodies of requests.
type uploads struct {
	store     *objstore.Store
	bucket    string
	catalogue *catalogue.Catalogue
	log       func(http.ResponseWriter) *slog.Logger // of the request that a writer answers
}

// datasetUpload is a file that is to become a dataset.
type datasetUpload struct {
	id    string // names the object until the whole file is known to be good
	file  tableBody
	how   tablefile.Reading
	scan  dataset.ScanOptions
	check func(dataset.Summary) error // called after the file; may refuse it
}

// received is a file that was good, as a plain CSV in the store.
type received struct {
	upload  objstore.Ref
	summary dataset.Summary
	file    UploadedFile
	plain   tablefile.Reading // how to read the CSV
	header  dataset.Header    // of the CSV
}

// UploadedFile says what an uploaded file turned out to be. A dataset is the file as a plain CSV.
type UploadedFile struct {
	tablefile.Dialect

	Warnings []string `json:"warnings,omitempty"`
}

// receive reads a file once and stores it as a plain CSV until the caller discards it, if all of it is good.
func (u *uploads) receive(ctx context.Context, w http.ResponseWriter, d datasetUpload) (got received, err error) {
	table, err := tablefile.Open(d.file.body, tablefile.Options{
		Reading: d.how, Name: d.file.name, MediaType: d.file.mediaType, MaxBytes: d.scan.MaxBytes,
	})
	if err != nil {
		return got, readError(err)
	}
	defer table.Close() //nolint:errcheck // what is left on the disk has no name
	got.plain, got.file = table.Plain(), UploadedFile{table.Found(), table.Warnings()}
	if table.HasHeader() {
		got.header = dataset.HeaderTrue
	}
	d.scan.Header = got.header
	got.upload, err = u.stream(ctx, objstore.UploadKey(d.id), "text/csv", table, func(r io.Reader) (err error) {
		got.summary, err = dataset.Scan(r, d.scan)
		return table.Locate(err)
	})
	if err != nil {
		return got, err
	}
	if err := d.check(got.summary); err != nil {
		u.discard(ctx, w, got.upload)
		return got, err
	}
	return got, nil
}

// maxVarietyRows is the number of rows up to which an upload is read once more. Larger ones hardly ever fail, and the
// task checks all.
const maxVarietyRows = 100_000

// checkVariety refuses an upload with too few different rows for a training.
func (u *uploads) checkVariety(
	ctx context.Context, upload objstore.Ref, found dataset.Summary, o dataset.ScanOptions, validated bool,
) error {
	if found.Profile.Rows > maxVarietyRows {
		return nil
	}
	body, err := u.store.Get(ctx, upload)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // read only
	return dataset.CheckVariety(body, o, validated)
}

// keep makes a CSV that was received a dataset. It records the upload as a source of the dataset.
func (u *uploads) keep(ctx context.Context, d datasetUpload, upload objstore.Ref) (objstore.Ref, error) {
	kept, err := u.catalogue.Keep(ctx, upload)
	if err != nil {
		return kept, err
	}
	source := catalogue.Source{Kind: catalogue.SourceUpload}
	source.FileName = printableName(d.file.name)
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	return kept, u.catalogue.AddSource(ctx, kept.SHA256, source)
}

// stream reads a body once, into the store and into check, which reads to the end or fails. If either fails, stream
// ends the other and leaves no object.
func (u *uploads) stream(
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
		ref, err := u.store.Put(ctx, u.bucket, key, out, -1, mediaType)
		out.CloseWithError(err) // nil only at the end, when nobody writes any more
		put <- stored{ref, err}
	}()
	from := &rememberingReader{r: body}
	to := &rememberingWriter{w: in}
	checkErr := check(io.TeeReader(from, to))
	in.CloseWithError(checkErr) // nil ends the object
	result := <-put
	switch {
	case from.err != nil:
		return objstore.Ref{}, readError(from.err)
	case to.err != nil: // the store failed first; check reports that as an error of its reader
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	case checkErr != nil:
		return objstore.Ref{}, checkErr
	case result.err != nil:
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	}
	return result.ref, nil
}

// readError returns the answer to a body that could not be read as a table. What is wrong with the data, or with the
// disk on which it waited, is not an error of the connection.
func readError(err error) error {
	_, option := errors.AsType[*tablefile.OptionError](err)
	_, row := errors.AsType[*dataset.RowError](err)
	_, disk := errors.AsType[*fs.PathError](err)
	if option || row || disk || errors.Is(err, dataset.ErrTooLarge) {
		return err
	}
	return httpio.BodyError(err)
}

// discard removes an object that nothing refers to, even if the client has hung up. If that fails, the object expires.
func (u *uploads) discard(ctx context.Context, w http.ResponseWriter, ref objstore.Ref) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := u.store.Delete(ctx, ref.Bucket, ref.Key); err != nil && !errors.Is(err, objstore.ErrNotExist) {
		u.log(w).Warn("an object was left behind", "object", ref.URI(), "error", err)
	}
}

// printableName returns the name of a file without what cannot be shown, at most 200 characters of it.
func printableName(name string) string {
	const maxLength = 200
	name = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > maxLength {
		name = string(runes[:maxLength])
	}
	return name
}

// rememberingReader keeps the error of its reader, because callers may wrap or replace it.
type rememberingReader struct {
	r   io.Reader
	err error
}

func (r *rememberingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// rememberingWriter keeps the error of its writer.
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
