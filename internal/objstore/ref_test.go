package objstore_test

import (
	"strings"
	"testing"

	"iris/internal/objstore"
)

func TestParseURI(t *testing.T) {
	for _, test := range []struct{ name, uri, bucket, key string }{
		{"plain", "s3://iris/datasets/iris.csv", "iris", "datasets/iris.csv"},
		{"nothing is percent-encoded", "s3://iris/a%20b/ü?x#y z.csv", "iris", "a%20b/ü?x#y z.csv"},
		{"dots in names", "s3://my.bucket-1/..a/b..", "my.bucket-1", "..a/b.."},
	} {
		t.Run(test.name, func(t *testing.T) {
			ref, err := objstore.ParseURI(test.uri)
			if err != nil {
				t.Fatal(err)
			}
			if want := (objstore.Ref{Bucket: test.bucket, Key: test.key}); ref != want {
				t.Errorf("ParseURI(%q) = %+v, want %+v", test.uri, ref, want)
			}
			if got := ref.URI(); got != test.uri {
				t.Errorf("URI() = %q, want %q", got, test.uri)
			}
		})
	}
}

func TestParseURI_refuses(t *testing.T) {
	for _, test := range []struct{ name, uri, want string }{
		{"empty", "", "want s3://bucket/key"},
		{"local path", "/data/iris.csv", "want s3://bucket/key"},
		{"relative path", "iris.csv", "want s3://bucket/key"},
		{"file URL", "file:///data/iris.csv", "want s3://bucket/key"},
		{"web URL", "https://s3.example.org/iris/a.csv", "want s3://bucket/key"},
		{"upper case scheme", "S3://iris/a.csv", "want s3://bucket/key"},
		{"no bucket", "s3:///a.csv", "the bucket is missing"},
		{"bucket alone", "s3://iris", "the key is missing"},
		{"bucket with a slash", "s3://iris/", "the key is missing"},
		{"blank key", "s3://iris/ ", "the key is missing"},
		{"bucket of upper case", "s3://Iris/a.csv", "Iris is not a valid bucket name"},
		{"bucket too short", "s3://ab/a.csv", "ab is not a valid bucket name"},
		{"bucket is an address", "s3://127.0.0.1/a.csv", "127.0.0.1 is not a valid bucket name"},
		{"folder", "s3://iris/datasets/", "it is a folder"},
		{"NUL", "s3://iris/a\x00", "control character"},
		{"line break", "s3://iris/a\nb", "control character"},
		{"leading slash", "s3://iris//a.csv", "starts with a slash"},
		{"climbs", "s3://iris/datasets/../../mlflow/a", `"." or ".." is a part`},
		{"dot part", "s3://iris/./a", `"." or ".." is a part`},
		{"too long", "s3://iris/" + strings.Repeat("k", 1025), "at most 1024 bytes"},
		{"not UTF-8", "s3://iris/\xff", "at most 1024 bytes of UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ref, err := objstore.ParseURI(test.uri)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ParseURI(%q) = %+v, %v; want an error that says %q", test.uri, ref, err, test.want)
			}
		})
	}
}
