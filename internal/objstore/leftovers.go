package objstore

import (
	"context"
	"time"

	"github.com/minio/minio-go/v7"
)

// Object is an object of a listing, with the time when it was stored.
type Object struct {
	Ref
	Modified time.Time
}

// ListObjects lists at most limit objects whose keys start with prefix and sort after the key after, in the order of
// their keys.
func (s *Store) ListObjects(ctx context.Context, bucket, prefix, after string, limit int) ([]Object, error) {
	doing := "list " + Ref{Bucket: bucket, Key: prefix}.URI()
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	var objects []Object
	options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: limit}
	for object := range s.client.ListObjectsIter(ctx, bucket, options) {
		if object.Err != nil {
			return nil, translate(ctx, doing, object.Err)
		}
		wait.renew()
		ref := Ref{Bucket: bucket, Key: object.Key, Size: object.Size, ETag: object.ETag}
		objects = append(objects, Object{Ref: ref, Modified: object.LastModified})
		if len(objects) >= limit {
			return objects, nil
		}
	}
	return objects, translate(ctx, doing, ctx.Err()) // the iterator ends without an error
}

// Upload is an upload in parts that is neither completed nor aborted.
type Upload struct {
	Ref   Ref // of the object that it would become
	ID    string
	Begun time.Time
}

// maxUploads bounds a list of uploads.
const maxUploads = 1000

// Uploads lists uploads of a bucket that are neither completed nor aborted, at most 1,000.
func (s *Store) Uploads(ctx context.Context, bucket string) ([]Upload, error) {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	listed, err := s.client.ListMultipartUploads(ctx, bucket, "", "", "", "", maxUploads)
	if err != nil {
		return nil, translate(ctx, "list the uploads of "+bucket, err)
	}
	uploads := make([]Upload, len(listed.Uploads))
	for i, u := range listed.Uploads {
		uploads[i] = Upload{Ref: Ref{Bucket: bucket, Key: u.Key}, ID: u.UploadID, Begun: u.Initiated}
	}
	return uploads, nil
}

// AbortUpload deletes the parts of an upload. An upload that no longer exists is not an error.
func (s *Store) AbortUpload(ctx context.Context, u Upload) error {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	err := s.client.AbortMultipartUpload(ctx, u.Ref.Bucket, u.Ref.Key, u.ID)
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return nil
	}
	return translate(ctx, "abort the upload of "+u.Ref.URI(), err)
}
