package objstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// Ref names an object. Workflows and activities exchange Refs instead of data.
type Ref struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Size   int64  `json:"size,omitempty"`   // bytes; 0 if not known
	SHA256 string `json:"sha256,omitempty"` // hex digits; empty if not known
	ETag   string `json:"etag,omitempty"`   // if set, reading an object with another ETag is ErrChanged
}

const scheme = "s3://"

// URI returns the name of the object for people and for other tools: s3://bucket/key. The key is not percent-encoded.
func (r Ref) URI() string { return scheme + r.Bucket + "/" + r.Key }

// ParseURI parses what URI returns. It refuses everything that is not an object in a bucket: local paths, other
// schemes, folders.
func ParseURI(s string) (Ref, error) {
	rest, found := strings.CutPrefix(s, scheme)
	if !found {
		return Ref{}, fmt.Errorf("%q is not an object in S3: want s3://bucket/key", s)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if err := checkName(bucket, key); err != nil {
		return Ref{}, fmt.Errorf("%q is not an object in S3: %w", s, err)
	}
	return Ref{Bucket: bucket, Key: key}, nil
}

// checkName refuses the names that S3 refuses, before a request contains them, and names of folders.
func checkName(bucket, key string) error {
	if bucket == "" {
		return errors.New("the bucket is missing, want s3://bucket/key")
	}
	if err := s3utils.CheckValidBucketNameStrict(bucket); err != nil {
		return fmt.Errorf("%s is not a valid bucket name: want 3 to 63 of a-z, 0-9, dot and hyphen", bucket)
	}
	switch {
	case strings.TrimSpace(key) == "":
		return errors.New("the key is missing, want s3://bucket/key")
	case strings.HasSuffix(key, "/"):
		return errors.New("it is a folder")
	case strings.HasPrefix(key, "/"):
		return errors.New("its key starts with a slash")
	case strings.ContainsFunc(key, unicode.IsControl): // which a list of keys, an XML document, could not hold
		return errors.New("its key has a control character")
	}
	if slices.ContainsFunc(strings.Split(key, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return errors.New(`"." or ".." is a part of its key`)
	}
	if err := s3utils.CheckValidObjectName(key); err != nil {
		return errors.New("a key is at most 1024 bytes of UTF-8")
	}
	return nil
}
