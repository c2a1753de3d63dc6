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
	// minPart is the least that S3 takes as a part of an upload, but for the last one.
	minPart = 5 << 20
	// copyBytes is how much S3 is asked to copy at once, well below its limit of 5 GiB, so that a request is answered in
	// completeTimeout on a slow disk too.
	copyBytes = 512 << 20
	// composeAtOnce is how many requests of a Compose run side by side.
	composeAtOnce = 4
)

// Compose makes one object of a head and other objects, one behind the other, and returns its size. Objects are copied
// within S3; what is too small for that, and what the head needs to become a part, goes through memory, at most 10 MiB
// of
// it at a time and request. The refs must say how large the objects are. As with Put, the key is as it was until all is
// there, and nothing is left behind after an error.
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
	return u.ref, u.compose(ctx, pieces)
}

// span is a range of bytes of an object.
type span struct {
	ref            Ref
	offset, length int64
}

// piece is what becomes one part of the upload: a copy, or bytes to be sent.
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

// cutPieces plans the upload: every piece but the last is at least minPart, and as much as can be is copied.
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
			if rest.length-need < minPart { // what is left would be no part
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
				if rest.length >= copyBytes+minPart { // the rest of it is a part again
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

// compose makes the parts side by side.
func (u *upload) compose(ctx context.Context, pieces []piece) (err error) {
	id, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			u.abort(ctx, id)
		}
	}()
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
	if err := firstCause(errs); err != nil {
		return err
	}
	return u.complete(ctx, id, parts)
}

// firstCause is the first error that is not the end of the others.
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

// pieceReader reads what a piece consists of; each object is opened when it is its turn.
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
		if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is no good end
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close gives up the object that is open.
func (r *spanReader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
