package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/minio-go/v7"
)

const (
	// minPart is the least that S3 accepts for a part of an upload, except the last one.
	minPart = 5 << 20
	// copyBytes bounds how much one request asks S3 to copy. It is far below S3's limit of 5 GiB, so that a slow disk
	// answers within completeTimeout too.
	copyBytes = 512 << 20
	// composeAtOnce bounds how many requests of a Compose run at the same time.
	composeAtOnce = 4
)

// Compose concatenates a head and other objects into one object, and returns its size. S3 copies the objects itself.
// Only objects that are too small to be a part of an upload, and the bytes that the head needs to become one, go
// through memory: at most 10 MiB per request. The refs must have sizes. As with Put, the key changes only when the
// whole object is there, and an error leaves nothing behind.
func (s *Store) Compose(ctx context.Context, bucket, key, contentType string, head []byte, objects []Ref) (Ref, error) {
	pieces := cutPieces(head, objects)
	if len(pieces) == 0 || len(pieces) == 1 && pieces[0].copy.length == 0 {
		var all piece
		if len(pieces) == 1 {
			all = pieces[0]
		}
		body := s.pieceReader(ctx, all)
		defer body.Close() //nolint:errcheck // only read from
		return s.Put(ctx, bucket, key, body, all.size(), contentType)
	}
	u := &upload{store: s, ref: Ref{Bucket: bucket, Key: key}}
	u.doing = "compose " + u.ref.URI()
	u.options.ContentType = contentType
	for _, p := range pieces {
		u.ref.Size += p.size()
	}
	return u.ref, u.multipart(ctx, func(id string) ([]minio.CompletePart, error) { return u.pieces(ctx, id, pieces) })
}

// span is a range of bytes of an object.
type span struct {
	ref            Ref
	offset, length int64
}

// piece is what becomes one part of the upload: either a copy, or a head and spans to send.
type piece struct {
	copy  span
	head  []byte
	spans []span
}

func (p piece) size() int64 {
	size := p.copy.length + int64(len(p.head))
	for _, s := range p.spans {
		size += s.length
	}
	return size
}

// cutPieces plans the upload. Every piece except the last has at least minPart bytes, and S3 copies as much as
// possible.
func cutPieces(head []byte, objects []Ref) []piece {
	var pieces []piece
	send := piece{head: head}
	flush := func() {
		if send.size() > 0 {
			pieces = append(pieces, send)
		}
		send = piece{}
	}
	for _, ref := range objects {
		rest := span{ref: ref, length: ref.Size}
		if pending := send.size(); pending > 0 && rest.length > 0 {
			need := max(0, minPart-pending)
			if rest.length-need < minPart { // the rest would be too small for a part
				need = rest.length
			}
			send.spans = append(send.spans, span{ref: ref, length: need})
			rest.offset, rest.length = need, rest.length-need
			if send.size() >= minPart {
				flush()
			}
		}
		switch {
		case rest.length == 0:
		case rest.length < minPart:
			send.spans = append(send.spans, rest)
		default:
			for rest.length > 0 {
				next := rest
				if rest.length >= copyBytes+minPart { // the rest is large enough for another part
					next.length = copyBytes
				}
				pieces = append(pieces, piece{copy: next})
				rest.offset, rest.length = rest.offset+next.length, rest.length-next.length
			}
		}
	}
	flush()
	return pieces
}

// pieces makes the parts of an upload, composeAtOnce at a time.
func (u *upload) pieces(ctx context.Context, id string, pieces []piece) ([]minio.CompletePart, error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, errs := make([]minio.CompletePart, len(pieces)), make([]error, len(pieces))
	slots := make(chan struct{}, composeAtOnce)
	var all sync.WaitGroup
	for i, p := range pieces {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if parts[i], errs[i] = u.piece(within, id, i+1, p); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return parts, firstCause(errs)
}

// firstCause returns the first error that did not come from cancelling the other requests.
func firstCause(errs []error) error {
	var ended error
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			ended = err
		default:
			return err
		}
	}
	return ended
}

// piece makes one part of an upload.
func (u *upload) piece(ctx context.Context, id string, number int, p piece) (minio.CompletePart, error) {
	if p.copy.length > 0 {
		ctx, wait := withPatience(ctx, completeTimeout)
		defer wait.release()
		from := p.copy
		part, err := u.store.client.CopyObjectPart(ctx, from.ref.Bucket, from.ref.Key, u.ref.Bucket, u.ref.Key, id, number,
			from.offset, from.length, nil)
		return part, translate(ctx, u.doing+" of "+from.ref.URI(), err)
	}
	body := u.store.pieceReader(ctx, p)
	defer body.Close() //nolint:errcheck // only read from
	data := make([]byte, p.size())
	if _, err := io.ReadFull(body, data); err != nil {
		return minio.CompletePart{}, fmt.Errorf("%s: %w", u.doing, err)
	}
	return u.part(ctx, id, number, data)
}

// pieceReader reads the head and the spans of a piece. It opens each object when it reaches it.
func (s *Store) pieceReader(ctx context.Context, p piece) io.ReadCloser {
	return &spanReader{store: s, ctx: ctx, head: bytes.NewReader(p.head), spans: p.spans}
}

type spanReader struct {
	store *Store
	ctx   context.Context // of the requests that Read makes
	head  *bytes.Reader
	spans []span
	open  io.ReadCloser
}

// Read implements io.Reader.
func (r *spanReader) Read(p []byte) (n int, err error) {
	if r.head.Len() > 0 {
		return r.head.Read(p)
	}
	for {
		if r.open == nil {
			if len(r.spans) == 0 {
				return 0, io.EOF
			}
			next := r.spans[0]
			if r.open, err = r.store.GetRange(r.ctx, next.ref, next.offset, next.length); err != nil {
				return 0, err
			}
			r.spans = r.spans[1:]
		}
		n, err = r.open.Read(p)
		if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is a failure
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes the object that is open.
func (r *spanReader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
