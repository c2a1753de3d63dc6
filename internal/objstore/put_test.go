package objstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"iris/internal/objstore"
)

const mib = 1 << 20

// pattern yields size bytes.
func pattern(size int64) io.Reader { return io.LimitReader(&endless{}, size) }

// block has a prime length, so that no two parts are equal.
var block = func() []byte {
	b := make([]byte, 65537)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}()

// endless repeats block.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, block[e.n:])
	e.n = (e.n + n) % len(block)
	return n, nil
}

func patternSum(t *testing.T, size int64) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, pattern(size)); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// storedSum reads an object back.
func storedSum(t *testing.T, store *objstore.Store, ref objstore.Ref) string {
	t.Helper()
	body, err := store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestPut_storesWhatTheReaderYields(t *testing.T) {
	store, bucket := realS3(t)
	for _, test := range []struct {
		name  string
		bytes int64
		known bool
	}{
		{"nothing, size known", 0, true},
		{"nothing, size not known", 0, false},
		{"one byte", 1, true},
		{"the largest small object", mib, true},
		{"the same, size not known", mib, false},
		{"the smallest large object", mib + 1, true},
		{"the same, size not known", mib + 1, false},
		{"exactly one part", 16 * mib, true},
		{"exactly one part, size not known", 16 * mib, false},
		{"several parts", 33*mib + 7, true},
		{"several parts, size not known", 33*mib + 7, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			size := int64(-1)
			if test.known {
				size = test.bytes
			}
			ref, err := store.Put(t.Context(), bucket, "object", pattern(test.bytes), size, "text/csv")
			if err != nil {
				t.Fatal(err)
			}
			want := objstore.Ref{Bucket: bucket, Key: "object", Size: test.bytes, SHA256: patternSum(t, test.bytes)}
			if ref != want {
				t.Errorf("Put = %+v, want %+v", ref, want)
			}
			if got := storedSum(t, store, ref); got != want.SHA256 {
				t.Errorf("stored bytes have SHA-256 %s, want %s", got, want.SHA256)
			}
			if stat, err := store.Stat(t.Context(), bucket, "object"); err != nil || stat.Size != test.bytes {
				t.Errorf("Stat = %+v, %v; want %d bytes", stat, err, test.bytes)
			}
		})
	}
}

func TestPut_keepsTheContentType(t *testing.T) {
	store, bucket := realS3(t)
	for name, size := range map[string]int64{"small": 10, "parts": 17 * mib} {
		if _, err := store.Put(t.Context(), bucket, name, pattern(size), -1, "text/csv"); err != nil {
			t.Fatal(err)
		}
		info, err := objstore.Client(store).StatObject(t.Context(), bucket, name, statOptions)
		if err != nil || info.ContentType != "text/csv" {
			t.Errorf("%s: content type %q, %v; want text/csv", name, info.ContentType, err)
		}
	}
}

var (
	errReader = errors.New("the disk is on fire")
	errPart   = fmt.Errorf("next part: %w", io.EOF)
)

func TestPut_failingReaderLeavesNothing(t *testing.T) {
	store, bucket := realS3(t)
	for _, test := range []struct {
		name   string
		reader io.Reader
		size   int64
		want   string
	}{
		{"at the first read", iotest.ErrReader(errReader), -1, "the disk is on fire"},
		{"before the first request", io.MultiReader(pattern(10), iotest.ErrReader(errReader)), -1, "the disk is on fire"},
		{"in a single request", io.MultiReader(pattern(3*mib), iotest.ErrReader(errReader)), 4 * mib, "the disk is on fire"},
		{"in the first part", io.MultiReader(pattern(3*mib), iotest.ErrReader(errReader)), -1, "the disk is on fire"},
		{"in the third part", io.MultiReader(pattern(40*mib), iotest.ErrReader(errReader)), -1, "the disk is on fire"},
		{
			"in the third part, size known", io.MultiReader(pattern(40*mib), iotest.ErrReader(errReader)), 50 * mib,
			"the disk is on fire",
		},
		{"with an error that wraps io.EOF", io.MultiReader(pattern(10), iotest.ErrReader(errPart)), -1, "next part: EOF"},
		{"the same in the third part", io.MultiReader(pattern(40*mib), iotest.ErrReader(errPart)), -1, "next part: EOF"},
		{"short", pattern(10), 11, "ended after 10 of 11 bytes"},
		{"long", pattern(11), 10, "more than 10 bytes"},
		{"long although announced as empty", pattern(1), 0, "more than 0 bytes"},
		{"short in a single request", pattern(2 * mib), 2*mib + 1, "ended after 2097152 of 2097153 bytes"},
		{"long in a single request", pattern(2*mib + 1), 2 * mib, "more than 2097152 bytes"},
		{"short by a part", pattern(16 * mib), 32 * mib, "ended after 16777216 of 33554432 bytes"},
		{"long in parts", pattern(20*mib + 1), 20 * mib, "more than 20971520 bytes"},
		{"fails at its announced end", io.MultiReader(pattern(10), iotest.ErrReader(errReader)), 10, "the disk is on fire"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, err := store.Put(t.Context(), bucket, "old", bytes.NewReader([]byte("old")), 3, "text/plain")
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"new", "old"} {
				if key == "old" {
					test.reader = io.MultiReader(pattern(2*mib), iotest.ErrReader(errReader))
					test.size, test.want = -1, "the disk is on fire"
				}
				_, err := store.Put(t.Context(), bucket, key, test.reader, test.size, "text/csv")
				if err == nil {
					t.Fatal("got no error")
				}
				if errors.Is(err, objstore.ErrUnavailable) {
					t.Errorf("got ErrUnavailable for an error of the reader: %v", err)
				}
				wantText(t, err, "put s3://"+bucket+"/"+key+": ")
				wantText(t, err, test.want)
			}
			if _, err := store.Stat(t.Context(), bucket, "new"); !errors.Is(err, objstore.ErrNotExist) {
				t.Errorf("Stat of an object that was never complete: %v, want ErrNotExist", err)
			}
			if got := storedSum(t, store, before); got != before.SHA256 {
				t.Error("the previous object has changed")
			}
			wantNoUploads(t, store, bucket)
		})
	}
}

func TestPut_passesTheReadersErrorOn(t *testing.T) {
	store, bucket := realS3(t)
	_, err := store.Put(
		t.Context(),
		bucket,
		"new",
		io.MultiReader(pattern(17*mib), iotest.ErrReader(errReader)),
		-1,
		"text/csv",
	)
	wantError(t, err, errReader, "put s3://"+bucket+"/new: the disk is on fire")
}

func TestPut_cancelledInTheMiddle(t *testing.T) {
	store, bucket := realS3(t)
	for name, size := range map[string]int64{"one part": 8 * mib, "parts, size known": 64 * mib, "parts": -1} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancelling := readerFunc(func([]byte) (int, error) { cancel(); return 0, nil })
			var rest io.Reader = &endless{}
			if size > 0 {
				rest = pattern(size - 5*mib)
			}
			_, err := store.Put(
				ctx,
				bucket,
				"new",
				io.MultiReader(pattern(5*mib), limitCalls(cancelling, 1), rest),
				size,
				"text/csv",
			)
			wantError(t, err, context.Canceled, "put s3://")
			if errors.Is(err, objstore.ErrUnavailable) {
				t.Errorf("got ErrUnavailable for a cancelled context: %v", err)
			}
			if _, err := store.Stat(t.Context(), bucket, "new"); !errors.Is(err, objstore.ErrNotExist) {
				t.Errorf("Stat after the cancel: %v, want ErrNotExist", err)
			}
			wantNoUploads(t, store, bucket)
		})
	}
}

func TestPut_serverFailsInTheMiddle(t *testing.T) {
	direct, bucket := realS3(t)
	for name, answer := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) {
			fail(w, http.StatusServiceUnavailable, "SlowDown")
		},
		"closed connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for step, query := range map[string]string{"second part": "partNumber=2&", "complete": "uploadId="} {
			t.Run(name+" for the "+step, func(t *testing.T) {
				var begin atomic.Int64 // of the failure, in ns
				store := proxied(t, direct, func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodDelete || !strings.HasPrefix(r.URL.RawQuery, query) {
						return true
					}
					begin.CompareAndSwap(0, time.Now().UnixNano())
					answer(w, r)
					return false
				})
				_, err := store.Put(t.Context(), bucket, "new", pattern(33*mib), -1, "text/csv")
				wantError(t, err, objstore.ErrUnavailable, "put s3://"+bucket+"/new")
				if took := time.Since(time.Unix(0, begin.Load())); took > promise {
					t.Errorf("took %s, want less than %s", took, promise)
				}
				if _, err := store.Stat(t.Context(), bucket, "new"); !errors.Is(err, objstore.ErrNotExist) {
					t.Errorf("Stat after the failure: %v, want ErrNotExist", err)
				}
				wantNoUploads(t, direct, bucket)
			})
		}
	}
}

// An upload of unknown size takes the memory of one part, 16 MiB. The test measures the bytes allocated in total,
// because those in use depend on when the garbage collector runs.
func TestPut_memory(t *testing.T) {
	store, bucket := realS3(t)
	const limit = 48 * mib // a part, requests and signatures; with minio-go's default it would be over 500 MiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := store.Put(t.Context(), bucket, "large", pattern(64*mib), -1, "text/csv"); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	used := after.TotalAlloc - before.TotalAlloc
	t.Logf("allocated %.1f MiB for an upload of 64 MiB", float64(used)/mib)
	if used > limit {
		t.Errorf("allocated %d bytes for an upload of 64 MiB, want at most %d", used, limit)
	}
}

func TestPut_missingBucket(t *testing.T) {
	store, bucket := realS3(t)
	for name, size := range map[string]int64{"small": 1, "stream": 2 * mib} {
		_, err := store.Put(t.Context(), bucket+"-none", name, pattern(size), -1, "text/csv")
		wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
	}
}

func wantNoUploads(t *testing.T, store *objstore.Store, bucket string) {
	t.Helper()
	for _, key := range []string{"new", "old"} { // MinIO lists the uploads of a key, not of a bucket
		for upload := range objstore.Client(store).ListIncompleteUploads(t.Context(), bucket, key, true) {
			if upload.Err != nil {
				t.Fatal(upload.Err)
			}
			t.Errorf("an upload of %s remains", upload.Key)
		}
	}
}
