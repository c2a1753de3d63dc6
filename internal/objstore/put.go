package objstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// smallObject is the size up to which an object takes only the memory it needs.
	smallObject = 1 << 20
	// partSize is the size up to which an object is sent in one request. A larger one is sent in parts of this size, and
	// an upload keeps one part in memory; minio-go's default for an unknown size is over 500 MiB. S3 allows 10,000 parts,
	// so an object has at most 156 GiB.
	partSize = 16 << 20
	// partTimeout bounds how long S3 may accept no byte of a part, or send no answer after the last one.
	partTimeout = 30 * time.Second
	// completeTimeout bounds the wait for S3 to join the parts, or to copy the largest dataset on a slow disk.
	completeTimeout = 2 * time.Minute
)

// Put stores all that r yields under a key, and returns the size and the SHA-256. It replaces an existing object after
// all of the new one has arrived. size is the number of bytes that r will yield, or -1 if it is not known; another
// number of bytes is an error. After an error, including one of r or the end of ctx, the key is as it was and no part
// is left behind. The exception is an S3 that dies after it completes an upload and before it answers: the object is
// there. Put keeps at most 16 MiB in memory.
func (s *Store) Put(ctx context.Context, bucket, key string, r io.Reader, size int64, contentType string) (Ref, error) {
	u := &upload{store: s, ref: Ref{Bucket: bucket, Key: key}, in: newSource(r, size)}
	u.doing = "put " + u.ref.URI()
	u.options.ContentType = contentType
	var head bytes.Buffer
	if _, err := head.ReadFrom(io.LimitReader(u.in, smallObject+1)); err != nil {
		return Ref{}, u.readError()
	}
	data, free := head.Bytes(), func() {}
	if head.Len() > smallObject {
		data, free = u.first(data)
	}
	defer free()
	var err error
	switch {
	case u.in.err != nil:
		err = u.readError()
	case u.in.ended:
		err = u.whole(ctx, data)
	default:
		err = u.multipart(ctx, func(id string) ([]minio.CompletePart, error) { return u.parts(ctx, id, data) })
	}
	if err != nil {
		return Ref{}, err
	}
	u.ref.Size, u.ref.SHA256 = u.in.read, u.in.sum()
	return u.ref, nil
}

// upload is one call of Put or Compose.
type upload struct {
	store   *Store
	ref     Ref
	doing   string
	in      *source
	options minio.PutObjectOptions
	etag    string // of the object that whole has stored
}

func (u *upload) readError() error { return fmt.Errorf("%s: %w", u.doing, u.in.err) }

// buffers holds the buffers of uploads that have ended. A batch makes a thousand uploads.
var buffers = sync.Pool{New: func() any { return new([partSize]byte) }}

// first reads the first part of an object that begins with head, or the whole object if it fits. free returns the
// buffer.
func (u *upload) first(head []byte) (data []byte, free func()) {
	buffer, _ := buffers.Get().(*[partSize]byte)
	filled := copy(buffer[:], head)
	n, _ := io.ReadFull(u.in, buffer[filled:]) // the source remembers its error
	return buffer[:filled+n], func() { buffers.Put(buffer) }
}

// whole sends an object in one request.
func (u *upload) whole(ctx context.Context, data []byte) error {
	patient := answerTimeout
	if len(data) > smallObject {
		patient = partTimeout
	}
	ctx, wait := withPatience(ctx, patient)
	defer wait.release()
	return u.send(ctx, data, func(body io.Reader) error {
		if len(data) > smallObject {
			body = wait.renewedBy(body)
		}
		info, err := u.store.client.PutObject(ctx, u.ref.Bucket, u.ref.Key, body, int64(len(data)), "", "", u.options)
		u.etag = info.ETag
		return err
	})
}

// multipart begins an upload, lets send make its parts, and completes it. After an error it deletes the parts.
func (u *upload) multipart(ctx context.Context, send func(id string) ([]minio.CompletePart, error)) error {
	id, err := u.begin(ctx)
	if err != nil {
		return err
	}
	parts, err := send(id)
	if err == nil {
		err = u.complete(ctx, id, parts)
	}
	if err != nil {
		u.abort(ctx, id)
	}
	return err
}

// parts sends the first part of an object, then reads and sends the others, one at a time and from the same buffer.
func (u *upload) parts(ctx context.Context, id string, first []byte) ([]minio.CompletePart, error) {
	var done []minio.CompletePart
	for data := first; len(data) > 0; {
		part, err := u.part(ctx, id, len(done)+1, data)
		if err != nil {
			return nil, err
		}
		done = append(done, part)
		n, _ := io.ReadFull(u.in, data[:cap(data)]) // the source remembers its error
		if u.in.err != nil {
			return nil, u.readError()
		}
		data = data[:n]
	}
	return done, nil
}

func (u *upload) begin(ctx context.Context) (id string, err error) {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	id, err = u.store.client.NewMultipartUpload(ctx, u.ref.Bucket, u.ref.Key, u.options)
	return id, translate(ctx, u.doing, err)
}

func (u *upload) part(ctx context.Context, id string, number int, data []byte) (minio.CompletePart, error) {
	ctx, wait := withPatience(ctx, partTimeout)
	defer wait.release()
	done := minio.CompletePart{PartNumber: number}
	err := u.send(ctx, data, func(body io.Reader) error {
		part, err := u.store.client.PutObjectPart(
			ctx,
			u.ref.Bucket,
			u.ref.Key,
			id,
			number,
			wait.renewedBy(body),
			int64(len(data)),
			minio.PutObjectPartOptions{},
		)
		done.ETag = part.ETag
		return err
	})
	return done, err
}

func (u *upload) complete(ctx context.Context, id string, parts []minio.CompletePart) error {
	ctx, wait := withPatience(ctx, completeTimeout)
	defer wait.release()
	_, err := u.store.client.CompleteMultipartUpload(ctx, u.ref.Bucket, u.ref.Key, id, parts, minio.PutObjectOptions{})
	return translate(ctx, u.doing, err)
}

// abort deletes the parts of an upload, even after the end of ctx. If the request does not reach S3, S3 deletes them
// later by itself (MinIO: after a day).
func (u *upload) abort(ctx context.Context, id string) {
	ctx, wait := withPatience(context.WithoutCancel(ctx), answerTimeout)
	defer wait.release()
	_ = u.store.client.AbortMultipartUpload(ctx, u.ref.Bucket, u.ref.Key, id)
}
