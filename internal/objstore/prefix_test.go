package objstore_test

import (
	"testing"

	"iris/internal/objstore"
)

func TestParseObjects(t *testing.T) {
	for uri, want := range map[string]objstore.Ref{
		"s3://bucket/key.csv": {Bucket: "bucket", Key: "key.csv"},
		"s3://bucket/a/b/":    {Bucket: "bucket", Key: "a/b/"},
	} {
		if got, err := objstore.ParseObjects(uri); err != nil || got != want {
			t.Errorf("ParseObjects(%q) = %+v, %v; want %+v", uri, got, err, want)
		}
	}
	for uri, want := range map[string]string{
		"/tmp/":           "names no objects in S3: want s3://bucket/key or s3://bucket/prefix/",
		"s3://bucket/":    "names no objects in S3",
		"s3://bucket//":   "names no objects in S3",
		"s3://bucket/..":  `"." or ".." is a part of its key`,
		"s3://bucket/../": "names no objects in S3",
	} {
		if got, err := objstore.ParseObjects(uri); err == nil {
			t.Errorf("ParseObjects(%q) = %+v, want an error", uri, got)
		} else {
			wantText(t, err, want)
		}
	}
}
