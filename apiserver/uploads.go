package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
	"unicode"

	"iris/apiserver/httpio"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
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

// datasetUpload is a CSV that is to become a dataset.
type datasetUpload struct {
	id    string // names the object until the whole CSV is known to be good
	body  io.Reader
	scan  dataset.ScanOptions
	check func(dataset.Summary) error // called after the CSV; may refuse it
}

// receive reads a CSV once and stores it until the caller discards it, if all of it is good.
func (u *uploads) receive(
	ctx context.Context, w http.ResponseWriter, d datasetUpload,
) (upload objstore.Ref, summary dataset.Summary, err error) {
	upload, err = u.stream(ctx, objstore.UploadKey(d.id), "text/csv", d.body, func(r io.Reader) (err error) {
		summary, err = dataset.Scan(r, d.scan)
		return err
	})
	if err != nil {
		return upload, summary, err
	}
	if err := d.check(summary); err != nil {
		u.discard(ctx, w, upload)
		return upload, summary, err
	}
	return upload, summary, nil
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
	if part, ok := d.body.(*multipart.Part); ok {
		source.FileName = printableName(part.FileName())
	}
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
		return objstore.Ref{}, httpio.BodyError(from.err)
	case to.err != nil: // the store failed first; check reports that as an error of its reader
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	case checkErr != nil:
		return objstore.Ref{}, checkErr
	case result.err != nil:
		return objstore.Ref{}, fmt.Errorf("store the upload: %w", result.err)
	}
	return result.ref, nil
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
