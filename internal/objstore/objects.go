package objstore

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Copy copies an object within S3, up to 5 GiB, and returns the copy: its size, and the SHA-256 that from names. A
// missing object is ErrNotExist. A copy onto itself does nothing.
func (s *Store) Copy(ctx context.Context, from Ref, bucket, key string) (Ref, error) {
	to := Ref{Bucket: bucket, Key: key, SHA256: from.SHA256}
	// Asked first because it is answered at once: how long the copying takes says nothing about whether S3 is there.
	source, err := s.Stat(ctx, from.Bucket, from.Key)
	if err != nil {
		return Ref{}, err
	}
	to.Size = source.Size
	if from.URI() == to.URI() {
		return to, nil // S3 refuses it
	}
	ctx, wait := withPatience(ctx, completeTimeout)
	defer wait.release()
	_, err = s.client.Client.CopyObject(ctx,
		minio.CopyDestOptions{Bucket: bucket, Object: key},
		minio.CopySrcOptions{Bucket: from.Bucket, Object: from.Key})
	if err != nil {
		return Ref{}, translate(ctx, "copy "+from.URI()+" to "+to.URI(), err)
	}
	return to, nil
}

// Delete removes an object. One that does not exist is fine.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	err := s.client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
	if err = translate(ctx, "delete "+Ref{Bucket: bucket, Key: key}.URI(), err); errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}

// List returns the objects whose keys start with prefix, in the order of their keys, with sizes and ETags. No object is
// no error; a missing bucket is ErrNotExist. The whole list is in memory: it is for prefixes of thousands, not of
// millions.
func (s *Store) List(ctx context.Context, bucket, prefix string) ([]Ref, error) {
	return s.ListAtMost(ctx, bucket, prefix, math.MaxInt)
}

// ListAtMost is List that stops after so many objects.
func (s *Store) ListAtMost(ctx context.Context, bucket, prefix string, most int) ([]Ref, error) {
	doing := "list " + Ref{Bucket: bucket, Key: prefix}.URI()
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	var refs []Ref
	for object := range s.client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, translate(ctx, doing, object.Err)
		}
		wait.renew() // S3 answers 1,000 objects at a time
		refs = append(refs, Ref{Bucket: bucket, Key: object.Key, Size: object.Size, ETag: object.ETag})
		if len(refs) >= most {
			break
		}
	}
	if err := ctx.Err(); err != nil && len(refs) < most {
		return nil, translate(ctx, doing, err) // the iterator just ends
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Key, b.Key) })
	return refs, nil
}

// ListPage returns up to limit objects whose keys start with prefix and come behind after, in the order of their keys;
// after is a key, or "" for the first page. It asks S3 for no more than that, however many there are.
func (s *Store) ListPage(ctx context.Context, bucket, prefix, after string, limit int) ([]Ref, error) {
	doing := "list " + Ref{Bucket: bucket, Key: prefix}.URI()
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	refs := make([]Ref, 0, limit)
	for object := range s.client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: limit}) {
		if object.Err != nil {
			return nil, translate(ctx, doing, object.Err)
		}
		if refs = append(refs, Ref{Bucket: bucket, Key: object.Key, Size: object.Size}); len(refs) == limit {
			return refs, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, translate(ctx, doing, err) // the iterator just ends
	}
	return refs, nil
}
