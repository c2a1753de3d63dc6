package objstore

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Copy copies an object of up to 5 GiB within S3. It returns a Ref of the copy with its size and the SHA-256 of from. A
// missing object is ErrNotExist. A copy onto itself does nothing.
func (s *Store) Copy(ctx context.Context, from Ref, bucket, key string) (Ref, error) {
	to := Ref{Bucket: bucket, Key: key, SHA256: from.SHA256}
	// Stat tells quickly whether S3 is there. The time that the copy takes does not.
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

// Delete removes an object. A missing object is not an error.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	err := s.client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
	if err = translate(ctx, "delete "+Ref{Bucket: bucket, Key: key}.URI(), err); errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}

// List returns the objects whose keys start with prefix, with sizes and ETags, sorted by key. The list may be empty. A
// missing bucket is ErrNotExist. The whole list is in memory, so a prefix should have thousands of objects, not
// millions.
func (s *Store) List(ctx context.Context, bucket, prefix string) ([]Ref, error) {
	return s.ListAtMost(ctx, bucket, prefix, math.MaxInt)
}

// ListAtMost lists at most limit objects.
func (s *Store) ListAtMost(ctx context.Context, bucket, prefix string, limit int) ([]Ref, error) {
	refs, err := s.list(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}, limit)
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Key, b.Key) })
	return refs, err
}

// ListPage lists at most limit objects whose keys start with prefix and sort after the key after, which is empty for
// the first page. It requests no more than limit objects from S3, however many there are.
func (s *Store) ListPage(ctx context.Context, bucket, prefix, after string, limit int) ([]Ref, error) {
	options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: limit}
	return s.list(ctx, bucket, options, limit)
}

// list lists at most limit objects, in the order in which S3 returns them.
func (s *Store) list(ctx context.Context, bucket string, o minio.ListObjectsOptions, limit int) ([]Ref, error) {
	doing := "list " + Ref{Bucket: bucket, Key: o.Prefix}.URI()
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	var refs []Ref
	for object := range s.client.ListObjectsIter(ctx, bucket, o) {
		if object.Err != nil {
			return nil, translate(ctx, doing, object.Err)
		}
		wait.renew() // S3 returns at most 1,000 objects at a time
		refs = append(refs, Ref{Bucket: bucket, Key: object.Key, Size: object.Size, ETag: object.ETag})
		if len(refs) >= limit {
			return refs, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, translate(ctx, doing, err) // the iterator ends without an error
	}
	return refs, nil
}
