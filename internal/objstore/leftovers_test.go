package objstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"iris/internal/objstore"
)

func TestListObjects(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{"a/1", "a/2", "a/3", "b/1"} {
		if _, err := store.Put(t.Context(), bucket, key, strings.NewReader("x"), 1, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		after string
		limit int
		want  string
	}{{"", 10, "a/1 a/2 a/3"}, {"", 2, "a/1 a/2"}, {"a/2", 2, "a/3"}, {"a/3", 2, ""}} {
		objects, err := store.ListObjects(t.Context(), bucket, "a/", test.after, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, o := range objects {
			keys = append(keys, o.Key)
			if age := time.Since(o.Modified); age.Abs() > time.Minute || o.Size != 1 {
				t.Errorf("%s is %s old and has %d bytes, want now and 1", o.Key, age, o.Size)
			}
		}
		if got := strings.Join(keys, " "); got != test.want {
			t.Errorf("%d after %q: %q, want %q", test.limit, test.after, got, test.want)
		}
	}
	_, err := store.ListObjects(t.Context(), bucket+"-none", "", "", 1)
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
}

func TestUploads(t *testing.T) {
	store, bucket := realS3(t)
	core := minio.Core{Client: objstore.Client(store)}
	for _, key := range []string{"batches/b/part-00001.csv", "datasets/x.csv"} {
		if _, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	uploads, err := store.Uploads(t.Context(), bucket)
	if err != nil || len(uploads) != 2 {
		t.Fatalf("uploads %+v (%v), want two", uploads, err)
	}
	for _, u := range uploads {
		if u.Ref.Bucket != bucket || u.ID == "" || time.Since(u.Begun).Abs() > time.Minute {
			t.Errorf("upload %+v, want one that has just begun", u)
		}
		for range 2 { // the second time it does not exist any more
			if err := store.AbortUpload(t.Context(), u); err != nil {
				t.Error(err)
			}
		}
	}
	if uploads, err := store.Uploads(t.Context(), bucket); err != nil || len(uploads) != 0 {
		t.Errorf("after their abort: %+v (%v), want none", uploads, err)
	}
	_, err = store.Uploads(t.Context(), bucket+"-none")
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
}
