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
	// smallObject is up to what size an object takes only the memory it needs.
	smallObject = 1 << 20
	// partSize is up to what size an object is sent in one request; above, it goes in parts. An upload keeps as much in
	// memory. minio-go's own default for an unknown size is over 500 MiB. S3 allows
	// 10,000 parts, so this is good for 156 GiB.
	partSize = 16 << 20
	// partTimeout bounds how long S3 may take no byte of a part, or say nothing after the last one.
	partTimeout = 30 * time.Second
	// completeTimeout bounds the wait for S3 to put the parts together, or to copy the largest dataset on a slow disk.
	completeTimeout = 2 * time.Minute
)

// Put stores what r yields, up to its end, under a key, and returns what it was: size and SHA-256. An object that is
// there already is replaced once all of the new one has arrived. Size is the number of bytes that r will yield, or -1
// when that is not known; a reader that yields another number is an error. On an error, of r too, or when ctx ends,
// the key is as it was before and no part is left behind. (If S3 dies between completing an upload and saying so, the
// object is there all the same.) At most 16 MiB are kept in memory.
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
	send := u.whole
	switch {
	case u.in.err != nil:
		return Ref{}, u.readError()
	case !u.in.ended:
		send = u.parts
	}
	if err := send(ctx, data); err != nil {
		return Ref{}, err
	}
	u.ref.Size, u.ref.SHA256 = u.in.read, u.in.sum()
	return u.ref, nil
}

// upload is one call of Put.
type upload struct {
	store   *Store
	ref     Ref
	doing   string
	in      *source
	options minio.PutObjectOptions
}

func (u *upload) readError() error { return fmt.Errorf("%s: %w", u.doing, u.in.err) }

// buffers are the parts of uploads that have ended: a batch writes a thousand.
var buffers = sync.Pool{New: func() any { return new([partSize]byte) }}

// first reads the first part of an object that begins with head, or all of it.
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
		_, err := u.store.client.PutObject(ctx, u.ref.Bucket, u.ref.Key, body, int64(len(data)), "", "", u.options)
		return err
	})
}

// parts sends an object of which the first part has been read, one part after the other, from one buffer.
func (u *upload) parts(ctx context.Context, first []byte) (err error) {
	id, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			u.abort(ctx, id)
		}
	}()
	var done []minio.CompletePart
	for data := first; len(data) > 0; {
		part, err := u.part(ctx, id, len(done)+1, data)
		if err != nil {
			return err
		}
		done = append(done, part)
		n, _ := io.ReadFull(u.in, data[:cap(data)]) // the source remembers its error
		if u.in.err != nil {
			return u.readError()
		}
		data = data[:n]
	}
	return u.complete(ctx, id, done)
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

// abort deletes the parts, also when it is the end of ctx that made it necessary. When S3 does not hear it, it deletes
// them by itself after some time (MinIO: a day).
func (u *upload) abort(ctx context.Context, id string) {
	ctx, wait := withPatience(context.WithoutCancel(ctx), answerTimeout)
	defer wait.release()
	_ = u.store.client.AbortMultipartUpload(ctx, u.ref.Bucket, u.ref.Key, id)
}
