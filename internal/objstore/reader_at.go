package objstore

import (
	"context"
	"io"
)

// ReaderAt returns a reader that makes one request per read. It is for formats with an index, read in large pieces. The
// ref must have a size. ctx bounds all reads.
func (s *Store) ReaderAt(ctx context.Context, ref Ref) io.ReaderAt {
	return &readerAt{store: s, ctx: ctx, ref: ref}
}

type readerAt struct {
	store *Store
	ctx   context.Context // for the requests of ReadAt
	ref   Ref
}

// ReadAt implements io.ReaderAt.
func (r *readerAt) ReadAt(p []byte, offset int64) (int, error) {
	room := r.ref.Size - offset
	if room <= 0 {
		return 0, io.EOF
	}
	short := int64(len(p)) > room
	if short {
		p = p[:room]
	}
	if len(p) == 0 {
		return 0, nil
	}
	body, err := r.store.GetRange(r.ctx, r.ref, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer body.Close() //nolint:errcheck // only read from
	n, err := io.ReadFull(body, p)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}
