package objstore

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// Get opens a whole object for reading. It returns ErrNotExist for a missing object, before the first read. The caller
// must close the reader and keep ctx alive until then. A connection that breaks during a read is ErrUnavailable.
func (s *Store) Get(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	return s.open(ctx, "get "+ref.URI(), ref, minio.GetObjectOptions{})
}

// GetRange is Get for length bytes from offset, or fewer if the object ends earlier. An offset at or after the end is
// an error, and so is a length below 1.
func (s *Store) GetRange(ctx context.Context, ref Ref, offset, length int64) (io.ReadCloser, error) {
	doing := fmt.Sprintf("get bytes %d to %d of %s", offset, offset+length, ref.URI())
	if offset < 0 || length <= 0 {
		return nil, fmt.Errorf("%s: not a range", doing)
	}
	var options minio.GetObjectOptions
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return s.open(ctx, doing, ref, options)
}

func (s *Store) open(
	ctx context.Context,
	doing string,
	ref Ref,
	options minio.GetObjectOptions,
) (io.ReadCloser, error) {
	if ref.ETag != "" {
		if err := options.SetMatchETag(ref.ETag); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	ctx, wait := withPatience(ctx, answerTimeout)
	// GetObject of Core sends its request now. That of Client waits for the first read.
	content, _, _, err := s.client.GetObject(ctx, ref.Bucket, ref.Key, options)
	wait.answered()
	if err != nil {
		err = translate(ctx, doing, err)
		wait.release()
		return nil, err
	}
	return &body{ReadCloser: content, ctx: ctx, wait: wait, doing: doing}, nil
}

// body is an open object. It translates the errors of reads.
type body struct {
	io.ReadCloser
	ctx   context.Context // of the request, ends with wait
	wait  *patience
	doing string
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, translate(b.ctx, b.doing, err)
}

func (b *body) Close() error {
	defer b.wait.release()
	return b.ReadCloser.Close()
}

// Stat returns the size and the ETag of an object without reading it, or ErrNotExist. The Ref has no SHA-256.
func (s *Store) Stat(ctx context.Context, bucket, key string) (Ref, error) {
	ref := Ref{Bucket: bucket, Key: key}
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	info, err := s.client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Ref{}, translate(ctx, "stat "+ref.URI(), err)
	}
	ref.Size, ref.ETag = info.Size, info.ETag
	return ref, nil
}
