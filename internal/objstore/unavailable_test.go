package objstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"iris/internal/objstore"
)

// promise bounds how long a caller waits for ErrUnavailable.
const promise = 3 * time.Second

// calls returns every method that sends a request to S3, by name.
func calls(store *objstore.Store) map[string]func(context.Context) error {
	ref := objstore.Ref{Bucket: "bucket", Key: "key"}
	return map[string]func(context.Context) error{
		"Check":        store.Check,
		"EnsureBucket": func(ctx context.Context) error { return store.EnsureBucket(ctx, "bucket") },
		"SetExpiry": func(ctx context.Context) error {
			return store.SetExpiry(ctx, "bucket", map[string]int{"uploads/": 1})
		},
		"Put": func(ctx context.Context) error {
			_, err := store.Put(ctx, "bucket", "key", pattern(10), 10, "")
			return err
		},
		"Put of parts": func(ctx context.Context) error {
			_, err := store.Put(ctx, "bucket", "key", pattern(20*mib), -1, "")
			return err
		},
		"Get": func(ctx context.Context) error {
			_, err := store.Get(ctx, ref)
			return err
		},
		"GetRange": func(ctx context.Context) error {
			_, err := store.GetRange(ctx, ref, 1, 2)
			return err
		},
		"GetJSON": func(ctx context.Context) error { return store.GetJSON(ctx, "bucket", "key", new(any)) },
		"PutJSON": func(ctx context.Context) error {
			_, err := store.PutJSON(ctx, "bucket", "key", 1)
			return err
		},
		"GetJSONUnless": func(ctx context.Context) error {
			_, err := store.GetJSONUnless(ctx, "bucket", "key", "", new(any))
			return err
		},
		"PutJSONIf": func(ctx context.Context) error {
			_, err := store.PutJSONIf(ctx, "bucket", "key", "", 1)
			return err
		},
		"Stat": func(ctx context.Context) error {
			_, err := store.Stat(ctx, "bucket", "key")
			return err
		},
		"Copy": func(ctx context.Context) error {
			_, err := store.Copy(ctx, ref, "bucket", "copy")
			return err
		},
		"Delete": func(ctx context.Context) error { return store.Delete(ctx, "bucket", "key") },
		"List": func(ctx context.Context) error {
			_, err := store.List(ctx, "bucket", "")
			return err
		},
	}
}

// refused returns an address on which nothing listens.
func refused(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// silent returns an address that accepts connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// callAll makes all calls at the same time, because most of them only wait, and checks each.
func callAll(ctx context.Context, store *objstore.Store, check func(method string, err error, took time.Duration)) {
	type result struct {
		method string
		err    error
		took   time.Duration
	}
	methods := calls(store)
	results := make(chan result, len(methods))
	for method, call := range methods {
		go func() {
			begin := time.Now()
			err := call(ctx)
			results <- result{method, err, time.Since(begin)}
		}()
	}
	for range methods {
		r := <-results
		check(r.method, r.err, r.took)
	}
}

func TestUnavailable_withinThreeSeconds(t *testing.T) {
	for name, address := range map[string]string{"refused": refused(t), "silent": silent(t)} {
		t.Run(name, func(t *testing.T) {
			callAll(t.Context(), connect(t, address), func(method string, err error, took time.Duration) {
				if !errors.Is(err, objstore.ErrUnavailable) {
					t.Errorf("%s: got error %v, want ErrUnavailable", method, err)
				}
				if took > promise {
					t.Errorf("%s took %s, want less than %s", method, took, promise)
				}
			})
		})
	}
}

func TestUnavailable_serverErrors(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		code   string
	}{
		"500": {http.StatusInternalServerError, "InternalError"},
		"503": {http.StatusServiceUnavailable, "SlowDown"},
		"507": {http.StatusInsufficientStorage, "XMinioStorageFull"},
		"429": {http.StatusTooManyRequests, "TooManyRequests"},
	} {
		t.Run(name, func(t *testing.T) {
			store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { fail(w, answer.status, answer.code) })
			callAll(t.Context(), store, func(method string, err error, took time.Duration) {
				if !errors.Is(err, objstore.ErrUnavailable) {
					t.Errorf("%s: got error %v, want ErrUnavailable", method, err)
				}
				if took > promise {
					t.Errorf("%s took %s, want less than %s", method, took, promise)
				}
			})
		})
	}
}

func TestCallersContext_isNotUnavailable(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late} {
		callAll(ctx, connect(t, silent(t)), func(method string, err error, _ time.Duration) {
			if !errors.Is(err, want) || errors.Is(err, objstore.ErrUnavailable) {
				t.Errorf("%s: got error %v, want %v and not ErrUnavailable", method, err, want)
			}
		})
	}
}

// The time limit is for S3. The sender of an upload and the reader of an object may be slower.
func TestSlowReader_hasNoTimeLimit(t *testing.T) {
	t.Parallel()
	store, bucket := realS3(t)
	pause := func([]byte) (int, error) {
		<-time.After(objstore.AnswerTimeout + 200*time.Millisecond)
		return 0, nil
	}
	for name, size := range map[string]int64{"small": 10, "parts": 20 * mib} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := io.MultiReader(pattern(size-5), limitCalls(readerFunc(pause), 1), pattern(5))
			ref, err := store.Put(t.Context(), bucket, name, slow, -1, "")
			if err != nil {
				t.Fatal(err)
			}
			body, err := store.Get(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = pause(nil)
			if got := int64(len(read(t, body))); got != size {
				t.Errorf("read %d bytes, want %d", got, size)
			}
		})
	}
}
