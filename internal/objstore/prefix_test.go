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

func TestListAtMost(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{"in/b.csv", "in/a.csv", "in/sub/c.csv", "other"} {
		put(t, store, bucket, key, "x")
	}
	put(t, store, bucket, "in/folder/", "")
	refs, err := store.ListAtMost(t.Context(), bucket, "in/", 3)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, ref := range refs {
		keys = append(keys, ref.Key)
		if ref.Bucket != bucket || ref.Size != 1 {
			t.Errorf("got %+v", ref)
		}
	}
	if len(keys) != 3 || keys[0] != "in/a.csv" || keys[1] != "in/b.csv" || keys[2] != "in/sub/c.csv" {
		t.Errorf("got %v, want three objects in the order of their keys", keys)
	}
	_, err = store.ListAtMost(t.Context(), bucket, "in/", 2)
	wantError(t, err, objstore.ErrTooMany, "more than 2")
	_, err = store.ListAtMost(t.Context(), bucket+"-none", "in/", 2)
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
	if refs, err := store.ListAtMost(t.Context(), bucket, "none/", 2); err != nil || len(refs) != 0 {
		t.Errorf("an empty prefix: %v, %v", refs, err)
	}
}
