package objstore_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestPutJSONIf_getJSONUnless(t *testing.T) {
	store, bucket := testenv.S3(t), testenv.Bucket(t)
	get := func(known string) (value int, etag string, err error) {
		etag, err = store.GetJSONUnless(t.Context(), bucket, "a/b.json", known, &value)
		return value, etag, err
	}
	put := func(known string, value int) (string, error) {
		return store.PutJSONIf(t.Context(), bucket, "a/b.json", known, value)
	}
	if _, _, err := get(""); !errors.Is(err, objstore.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := put("0123456789abcdef0123456789abcdef", 1); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("put over a missing object: got %v, want ErrChanged", err)
	}
	first, err := put("", 1)
	if err != nil || first == "" {
		t.Fatalf("got ETag %q, %v", first, err)
	}
	if _, err := put("", 2); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("put of a new object over one that exists: got %v, want ErrChanged", err)
	}
	if value, etag, err := get(""); err != nil || value != 1 || etag != first {
		t.Errorf("got %d, %s, %v; want 1, %s", value, etag, err, first)
	}
	if _, _, err := get(first); !errors.Is(err, objstore.ErrNotModified) {
		t.Errorf("got %v, want ErrNotModified", err)
	}
	second, err := put(first, 3)
	if err != nil || second == first {
		t.Fatalf("got ETag %q, %v", second, err)
	}
	if _, err := put(first, 4); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("put over another ETag: got %v, want ErrChanged", err)
	}
	if value, etag, err := get(first); err != nil || value != 3 || etag != second {
		t.Errorf("got %d, %s, %v; want 3, %s", value, etag, err, second)
	}
	if _, err := store.PutJSONIf(t.Context(), bucket, "x", "", strings.Repeat("x", 17*mib)); err == nil {
		t.Error("stored 17 MiB of JSON, which GetJSON refuses to read")
	}
	large := strings.Repeat("x", 3*mib)
	if _, err := store.PutJSONIf(t.Context(), bucket, "large", "", large); err != nil {
		t.Error(err)
	}
	var got string
	if _, err := store.GetJSONUnless(t.Context(), bucket, "large", "", &got); err != nil || got != large {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(large))
	}
}

// Writers that read, change and write again lose nothing.
func TestPutJSONIf_concurrentWriters(t *testing.T) {
	store, bucket := testenv.S3(t), testenv.Bucket(t)
	if _, err := store.PutJSONIf(t.Context(), bucket, "n", "", 0); err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 5
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for done := 0; done < each; {
				var n int
				etag, err := store.GetJSONUnless(t.Context(), bucket, "n", "", &n)
				if err != nil {
					t.Error(err)
					return
				}
				switch _, err := store.PutJSONIf(t.Context(), bucket, "n", etag, n+1); {
				case err == nil:
					done++
				case !errors.Is(err, objstore.ErrChanged):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	var n int
	if err := store.GetJSON(t.Context(), bucket, "n", &n); err != nil || n != writers*each {
		t.Errorf("got %d, %v; want %d", n, err, writers*each)
	}
}

// PutJSONIf repeats a request whose answer is lost. The repetition meets the object of the first one.
func TestPutJSONIf_lostAnswer(t *testing.T) {
	proxy, store := testenv.S3Proxy(t)
	bucket := testenv.Bucket(t)
	var puts atomic.Int32
	proxy.Decide(func(r *http.Request) testenv.Fate {
		if r.Method == http.MethodPut && puts.Add(1) == 1 {
			return testenv.Cut
		}
		return testenv.Pass
	})
	if _, err := store.PutJSONIf(t.Context(), bucket, "a", "", 1); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	var n int
	if err := store.GetJSON(t.Context(), bucket, "a", &n); err != nil || n != 1 {
		t.Errorf("got %d, %v; want 1, which the first request stored", n, err)
	}
}
