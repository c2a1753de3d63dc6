package objstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"
)

// ParseObjects reads the name of an object, as ParseURI does, or with a slash at its end that of all objects whose keys
// begin so.
func ParseObjects(s string) (Ref, error) {
	object, isPrefix := strings.CutSuffix(s, "/")
	if !isPrefix {
		return ParseURI(s)
	}
	ref, err := ParseURI(object)
	if err != nil {
		return Ref{}, fmt.Errorf("%q names no objects in S3: want s3://bucket/key or s3://bucket/prefix/", s)
	}
	ref.Key += "/"
	return ref, nil
}

// ErrTooMany means that a prefix has more objects than were asked for.
var ErrTooMany = errors.New("too many objects")

// ListAtMost is List for prefixes that are somebody else's: it stops at the object after the last one that it may return,
// with ErrTooMany. Objects without a byte are left out, since that is how a folder is kept.
func (s *Store) ListAtMost(ctx context.Context, bucket, prefix string, most int) ([]Ref, error) {
	doing := "list " + Ref{Bucket: bucket, Key: prefix}.URI()
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	var refs []Ref
	for object := range s.client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, translate(ctx, doing, object.Err)
		}
		wait.renew()
		if object.Size == 0 {
			continue
		}
		if len(refs) == most {
			return nil, fmt.Errorf("%s: %w: more than %d", doing, ErrTooMany, most)
		}
		refs = append(refs, Ref{Bucket: bucket, Key: object.Key, Size: object.Size})
	}
	if err := ctx.Err(); err != nil {
		return nil, translate(ctx, doing, err) // the iterator just ends
	}
	return refs, nil
}
