package httpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"iris/apiserver/problem"
	"iris/internal/objstore"
)

// Download is an object of the store as a client downloads it.
type Download struct {
	Ref       objstore.Ref
	Name      string // of the file that a client saves
	MediaType string
	Version   string    // of the bytes: other bytes have another version
	Changed   time.Time // when the bytes were written
}

// Send streams the object, or the ranges of it that the client requests. Memory does not grow with the object. After an
// error the answer is cut off.
func (d Download) Send(w http.ResponseWriter, r *http.Request, store *objstore.Store) error {
	found, err := store.Stat(r.Context(), d.Ref.Bucket, d.Ref.Key)
	if errors.Is(err, objstore.ErrNotExist) {
		return problem.NotFound("%s is no longer kept", d.Name)
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", d.Ref.URI(), err)
	}
	content := &objectReader{ctx: r.Context(), store: store, ref: found}
	defer content.close()
	w.Header().Set("Content-Type", d.MediaType)
	w.Header().Set("Content-Disposition", objstore.Attachment(d.Name))
	w.Header().Set("ETag", `"`+d.Version+`"`)
	out := &rangeResponse{ResponseWriter: w, to: NewWriter(w)}
	http.ServeContent(out, requestOf(w, r), "", d.Changed, content)
	if out.status == http.StatusRequestedRangeNotSatisfiable && content.err == nil {
		return problem.New(out.status,
			fmt.Sprintf("%s has %d bytes, and none of them is in the requested range", d.Name, found.Size))
	}
	return content.err
}

// requestOf returns r as http.ServeContent must see it. The router knows a HEAD as a GET, for which the whole object
// would be read. A Range in a unit other than bytes is ignored, as RFC 9110, section 14.2, requires; ServeContent would
// refuse it.
func requestOf(w http.ResponseWriter, r *http.Request) *http.Request {
	c := *r
	if x, ok := w.(*Exchange); ok && x.head {
		c.Method = http.MethodHead
	}
	const unit = "bytes="
	if given := r.Header.Get("Range"); len(given) < len(unit) || !strings.EqualFold(given[:len(unit)], unit) {
		c.Header = r.Header.Clone()
		c.Header.Del("Range")
	}
	return &c
}

// rangeResponse is a response that gives up on a client that takes nothing. For an unsatisfiable range it records only
// the status: Send answers with a problem.
type rangeResponse struct {
	http.ResponseWriter
	to     *Writer
	status int
}

// WriteHeader implements http.ResponseWriter.
func (m *rangeResponse) WriteHeader(status int) {
	m.status = status
	if status != http.StatusRequestedRangeNotSatisfiable {
		m.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (m *rangeResponse) Write(p []byte) (int, error) {
	if m.status == http.StatusRequestedRangeNotSatisfiable {
		return len(p), nil
	}
	return m.to.Write(p)
}

// objectReader reads an object from any offset. It opens the object when it is read, and again after a seek to another
// offset.
type objectReader struct {
	ctx   context.Context // of the request, which owns the reader
	store *objstore.Store
	ref   objstore.Ref
	at    int64
	body  io.ReadCloser // from at on, nil when it is not open
	err   error         // of the store
}

// Read implements io.Reader.
func (o *objectReader) Read(p []byte) (int, error) {
	if o.at >= o.ref.Size {
		return 0, io.EOF
	}
	if o.body == nil {
		if o.body, o.err = o.store.GetRange(o.ctx, o.ref, o.at, o.ref.Size-o.at); o.err != nil {
			return 0, o.err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if err != nil && err != io.EOF {
		o.err = err
	}
	return n, err
}

// Seek implements io.Seeker.
func (o *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.ref.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	if offset != o.at {
		o.close()
		o.at = offset
	}
	return offset, nil
}

func (o *objectReader) close() {
	if o.body != nil {
		_ = o.body.Close() // only read from
		o.body = nil
	}
}
