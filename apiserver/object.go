package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"iris/internal/objstore"
)

// file is an object as a client downloads it.
type file struct {
	ref       objstore.Ref
	name      string // under which it is saved
	mediaType string
	version   string    // of its bytes: another one, another version
	changed   time.Time // when they were written
}

// sendObject streams an object, or the ranges of it that are asked for. Memory does not grow with it; an error after
// the first
// bytes cuts the answer off.
func (s *Server) sendObject(w http.ResponseWriter, r *http.Request, f file) error {
	found, err := s.Store.Stat(r.Context(), f.ref.Bucket, f.ref.Key)
	if errors.Is(err, objstore.ErrNotExist) {
		return notFound("%s is no longer kept", f.name)
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", f.ref.URI(), err)
	}
	content := &objectReader{ctx: r.Context(), store: s.Store, ref: found}
	defer content.close()
	w.Header().Set("Content-Type", f.mediaType)
	w.Header().Set("Content-Disposition", objstore.Attachment(f.name))
	w.Header().Set("ETag", `"`+f.version+`"`)
	if x, ok := w.(*exchange); ok && x.head { // what the router takes for GET reads the whole object
		head := *r
		head.Method = http.MethodHead
		r = &head
	}
	out := &movingResponse{ResponseWriter: w, moving: movingWriter{w: w, control: http.NewResponseController(w)}}
	http.ServeContent(out, r, "", f.changed, content)
	if out.status == http.StatusRequestedRangeNotSatisfiable && content.err == nil {
		return newProblem(
			out.status,
			fmt.Sprintf("%s has %d bytes, and none of the range that was asked for", f.name, found.Size),
		)
	}
	return content.err
}

// movingResponse is a response that gives up on a client that takes nothing of it. Of a range that there is not it says
// so in
// its status alone: the words for it are ours.
type movingResponse struct {
	http.ResponseWriter
	moving movingWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (m *movingResponse) WriteHeader(status int) {
	m.status = status
	if status != http.StatusRequestedRangeNotSatisfiable {
		m.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (m *movingResponse) Write(p []byte) (int, error) {
	if m.status == http.StatusRequestedRangeNotSatisfiable {
		return len(p), nil
	}
	return m.moving.Write(p)
}

// objectReader reads an object from anywhere on. It asks for it when it is read, and again after a seek to elsewhere.
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

// blockReader reads an object in blocks, the last of which it keeps: a Parquet is read in many small pieces. It is for
// one
// goroutine.
type blockReader struct {
	from   io.ReaderAt
	size   int64
	blocks map[int64][]byte
	order  []int64 // of blocks, the oldest first
}

const (
	blockSize  = 256 << 10
	keptBlocks = 64
)

// ReadAt implements io.ReaderAt.
func (b *blockReader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		if offset >= b.size {
			return n, io.EOF
		}
		block, err := b.block(offset / blockSize)
		if err != nil {
			return n, err
		}
		copied := copy(p[n:], block[offset%blockSize:])
		n, offset = n+copied, offset+int64(copied)
	}
	return n, nil
}

func (b *blockReader) block(number int64) ([]byte, error) {
	if block, kept := b.blocks[number]; kept {
		return block, nil
	}
	start := number * blockSize
	block := make([]byte, min(blockSize, b.size-start))
	if n, err := b.from.ReadAt(block, start); n < len(block) {
		return nil, err
	}
	if len(b.order) == keptBlocks {
		delete(b.blocks, b.order[0])
		b.order = b.order[1:]
	}
	if b.blocks == nil {
		b.blocks = make(map[int64][]byte)
	}
	b.blocks[number] = block
	b.order = append(b.order, number)
	return block, nil
}
