package objstore_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iris/internal/objstore"
)

func put(t *testing.T, store *objstore.Store, bucket, key, content string) objstore.Ref {
	t.Helper()
	ref, err := store.Put(t.Context(), bucket, key, strings.NewReader(content), int64(len(content)), "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t *testing.T, body io.ReadCloser) string {
	t.Helper()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestGet_missing(t *testing.T) {
	store, bucket := realS3(t)
	for _, test := range []struct {
		name, bucket, want string
	}{
		{"object", bucket, "get s3://" + bucket + "/none: does not exist"},
		{"bucket", bucket + "-none", "get s3://" + bucket + "-none/none: the bucket does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := store.Get(t.Context(), objstore.Ref{Bucket: test.bucket, Key: "none"})
			wantError(t, err, objstore.ErrNotExist, test.want)
		})
	}
}

func TestGet_keysOfAllKinds(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{
		"a", "a b", "ü/ß.csv", "100%25", "q?x=1&y#z", "quote'\"", "plus+plus", "iris/2026-11-22T10:00:00Z-t.json",
	} {
		ref := put(t, store, bucket, key, key)
		body, err := store.Get(t.Context(), ref)
		if err != nil {
			t.Errorf("key %q: %v", key, err)
			continue
		}
		if got := read(t, body); got != key {
			t.Errorf("the object at %q contains %q, want its key", key, got)
		}
	}
}

func TestGetRange(t *testing.T) {
	store, bucket := realS3(t)
	ref := put(t, store, bucket, "object", "0123456789")
	for _, test := range []struct {
		name           string
		offset, length int64
		want, err      string
	}{
		{"first byte", 0, 1, "0", ""},
		{"middle", 3, 4, "3456", ""},
		{"to the end", 7, 3, "789", ""},
		{"past the end", 7, 100, "789", ""},
		{"all", 0, 10, "0123456789", ""},
		{"from the end", 10, 1, "", "get bytes 10 to 11 of s3://"},
		{"nothing", 3, 0, "", "not a range"},
		{"negative length", 3, -1, "", "not a range"},
		{"negative offset", -1, 3, "", "not a range"},
		{"longer than an integer", 3, 1<<63 - 1, "", "Invalid range"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := store.GetRange(t.Context(), ref, test.offset, test.length)
			if test.err != "" {
				if err == nil {
					t.Fatalf("got no error, want %q", test.err)
				}
				wantText(t, err, test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, body); got != test.want {
				t.Errorf("GetRange(%d, %d) = %q, want %q", test.offset, test.length, got, test.want)
			}
		})
	}
	_, err := store.GetRange(t.Context(), objstore.Ref{Bucket: bucket, Key: "none"}, 0, 1)
	wantError(t, err, objstore.ErrNotExist, "none")
}

func TestStat(t *testing.T) {
	store, bucket := realS3(t)
	put(t, store, bucket, "object", "0123456789")
	got, err := store.Stat(t.Context(), bucket, "object")
	want := objstore.Ref{Bucket: bucket, Key: "object", Size: 10, ETag: "781e5e245d69b566979b86e28d23f2c7"}
	if err != nil || got != want {
		t.Errorf("Stat = %+v, %v; want %+v", got, err, want)
	}
	_, err = store.Stat(t.Context(), bucket, "none")
	wantError(t, err, objstore.ErrNotExist, "stat s3://"+bucket+"/none: does not exist")
	_, err = store.Stat(t.Context(), bucket+"-none", "none")
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
}

// object writes the headers of an object of size bytes, then content, which may be shorter.
func object(w http.ResponseWriter, size int, content string) {
	w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
	w.Header().Set("ETag", `"e"`)
	w.Header().Set("Content-Length", fmt.Sprint(size))
	_, _ = io.WriteString(w, content)
}

func TestGet_connectionBreaksWhileReading(t *testing.T) {
	store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { object(w, 100, "half of it") })
	body, err := store.Get(t.Context(), objstore.Ref{Bucket: "bucket", Key: "key"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	wantError(t, err, objstore.ErrUnavailable, "get s3://bucket/key: S3 is unavailable: unexpected EOF")
	if string(got) != "half of it" {
		t.Errorf("read %q before the error, want the bytes that were sent", got)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

func TestGet_cancelledWhileReading(t *testing.T) {
	store, bucket := realS3(t)
	ref, err := store.Put(t.Context(), bucket, "large", pattern(32*mib), -1, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	body, err := store.Get(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close() //nolint:errcheck // only read from
	cancel()
	_, err = io.Copy(io.Discard, body)
	wantError(t, err, context.Canceled, "get "+ref.URI())
}

func TestGet_survivesTwoFailures(t *testing.T) {
	for name, reject := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusServiceUnavailable, "SlowDown") },
		"500": func(w http.ResponseWriter, _ *http.Request) {
			fail(w, http.StatusInternalServerError, "InternalError")
		},
		"closed connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			store := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) <= 2 {
					reject(w, r)
					return
				}
				object(w, 4, "fine")
			})
			body, err := store.Get(t.Context(), objstore.Ref{Bucket: "bucket", Key: "key"})
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, body); got != "fine" {
				t.Errorf("read %q, want the answer to the third request", got)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	store, bucket := realS3(t)
	type thing struct {
		Name string `json:"name"`
		N    []int  `json:"n"`
	}
	ref, err := store.PutJSON(t.Context(), bucket, "thing.json", thing{"x", []int{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(`{"name":"x","n":[1,2]}`)); ref.Size != want || len(ref.SHA256) != 64 {
		t.Errorf("PutJSON = %+v, want %d bytes and their SHA-256", ref, want)
	}
	var got thing
	if err := store.GetJSON(t.Context(), bucket, "thing.json", &got); err != nil || got.Name != "x" || len(got.N) != 2 {
		t.Errorf("GetJSON = %+v, %v", got, err)
	}
	if _, err := store.PutJSON(t.Context(), bucket, "bad.json", func() {}); err == nil {
		t.Error("PutJSON of a func: got no error")
	}
	wantError(
		t,
		store.GetJSON(t.Context(), bucket, "none.json", &got),
		objstore.ErrNotExist,
		"get s3://"+bucket+"/none.json",
	)
}

func TestGetJSON_badObjects(t *testing.T) {
	store, bucket := realS3(t)
	if _, err := store.Put(t.Context(), bucket, "huge", pattern(17*mib), -1, ""); err != nil {
		t.Fatal(err)
	}
	put(t, store, bucket, "broken", `{"name":`)
	put(t, store, bucket, "trailing", `{} {}`)
	for key, want := range map[string]string{
		"huge":     "over 16777216 bytes",
		"broken":   "unexpected end of JSON input",
		"trailing": "invalid character '{' after top-level value",
	} {
		var v any
		if err := store.GetJSON(t.Context(), bucket, key, &v); err == nil {
			t.Errorf("%s: got no error", key)
		} else {
			wantText(t, err, "get s3://"+bucket+"/"+key+": ")
			wantText(t, err, want)
		}
	}
	cut := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { object(w, 100, `{"a":`) })
	var v any
	wantError(t, cut.GetJSON(t.Context(), "bucket", "key", &v), objstore.ErrUnavailable, "get s3://bucket/key")
}
