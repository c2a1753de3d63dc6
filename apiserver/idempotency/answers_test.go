package idempotency

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// newAnswers returns answers in a bucket of their own, with a lease.
func newAnswers(t *testing.T, lease time.Duration) *Answers {
	t.Helper()
	a := New(testenv.S3(t), testenv.Bucket(t))
	a.lease = lease
	return a
}

// send sends a request with a key, "" for none, and returns the answer and the error.
func send(
	t *testing.T, a *Answers, key, fingerprint string, run func(http.ResponseWriter, *http.Request) error,
) (*httptest.ResponseRecorder, error) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/things", nil)
	if key != "" {
		r.Header.Set(Header, key)
	}
	w.Header().Set("X-Request-Id", "1")
	return w, a.Once(w, r, fingerprint, run)
}

// create is an operation that answers 201.
func create(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Location", "/things/1")
	w.WriteHeader(http.StatusCreated)
	_, err := io.WriteString(w, `{"ü":1}`+"\n")
	return err
}

// never is an operation that must not run.
func never(t *testing.T) func(http.ResponseWriter, *http.Request) error {
	return func(http.ResponseWriter, *http.Request) error {
		t.Error("the operation ran again")
		return nil
	}
}

// wantStatus checks that err is a problem of a status.
func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	var p *problem.Problem
	if !errors.As(err, &p) || p.Status != status {
		t.Errorf("got error %v, want a problem of status %d", err, status)
	}
}

func TestOnce(t *testing.T) {
	a := newAnswers(t, lease)
	first, err := send(t, a, "k", "f", create)
	if err != nil || first.Code != http.StatusCreated {
		t.Fatalf("status %d, %v, want 201", first.Code, err)
	}
	again, err := send(t, a, "k", "f", never(t))
	if err != nil {
		t.Fatal(err)
	}
	if again.Code != first.Code || again.Body.String() != first.Body.String() ||
		again.Header().Get("Location") != "/things/1" || again.Header().Get(Replayed) != "true" ||
		again.Header().Get("X-Request-Id") != "1" {
		t.Errorf("got %d %v %s, want the first answer, as a replay", again.Code, again.Header(), again.Body)
	}
	if first.Header().Get(Replayed) != "" {
		t.Error("the first answer says that it is a replay")
	}
	_, err = send(t, a, "k", "another", never(t))
	wantStatus(t, err, http.StatusUnprocessableEntity)
	for _, key := range []string{"another", ""} {
		if other, err := send(t, a, key, "f", create); err != nil || other.Header().Get(Replayed) != "" {
			t.Errorf("key %q: %v, want a new answer", key, err)
		}
	}
}

// An error is not kept: the key is free for the same request and for a mended one.
func TestOnce_errorsAreNotKept(t *testing.T) {
	a := newAnswers(t, lease)
	broken := errors.New("broken")
	_, err := send(t, a, "k", "f", func(http.ResponseWriter, *http.Request) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got error %v", err)
	}
	refused, err := send(t, a, "k", "g", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusConflict)
		return nil
	})
	if err != nil || refused.Code != http.StatusConflict {
		t.Errorf("status %d, %v, want 409", refused.Code, err)
	}
	if done, err := send(t, a, "k", "h", create); err != nil || done.Code != http.StatusCreated {
		t.Errorf("status %d, %v, want 201", done.Code, err)
	}
}

// While the first request is under way, the same one is a 409, and longer than a lease lasts.
func TestOnce_underWay(t *testing.T) {
	const short = 2 * time.Second // a slow store must not make it end between two renewals
	a := newAnswers(t, short)
	begun, end := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := send(t, a, "k", "f", func(w http.ResponseWriter, r *http.Request) error {
			close(begun)
			<-end
			return create(w, r)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	for deadline := time.Now().Add(2 * short); time.Now().Before(deadline); {
		_, err := send(t, a, "k", "f", never(t))
		wantStatus(t, err, http.StatusConflict)
		var p *problem.Problem
		if errors.As(err, &p) && p.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		_, err = send(t, a, "k", "another", never(t))
		wantStatus(t, err, http.StatusUnprocessableEntity)
	}
	close(end)
	all.Wait()
	if again, err := send(t, a, "k", "f", never(t)); err != nil || again.Code != http.StatusCreated {
		t.Errorf("status %d, %v, want the answer of the first", again.Code, err)
	}
}

// A process that dies blocks its key for a lease. Then the same request runs again, under the same ID.
func TestOnce_abandoned(t *testing.T) {
	a := newAnswers(t, 200*time.Millisecond)
	var first string
	func() {
		defer func() { _ = recover() }()
		_, _ = send(t, a, "k", "f", func(_ http.ResponseWriter, r *http.Request) error {
			first = ID(r.Context())
			panic("the process dies")
		})
	}()
	_, err := send(t, a, "k", "another", never(t))
	wantStatus(t, err, http.StatusUnprocessableEntity)
	for {
		got, err := send(t, a, "k", "f", func(w http.ResponseWriter, r *http.Request) error {
			if id := ID(r.Context()); id != first || id == "" {
				t.Errorf("the operation ran as %q and as %q", first, id)
			}
			return create(w, r)
		})
		if err == nil {
			if got.Code != http.StatusCreated {
				t.Errorf("status %d, want 201", got.Code)
			}
			return
		}
		wantStatus(t, err, http.StatusConflict)
		if t.Context().Err() != nil || t.Failed() {
			t.Fatal("the key is still blocked")
		}
	}
}

// A process that stood still for too long notices that another one has claimed its key.
func TestOnce_lost(t *testing.T) {
	a := newAnswers(t, 100*time.Millisecond)
	_, err := send(t, a, "k", "f", func(_ http.ResponseWriter, r *http.Request) error {
		refs, err := a.store.List(t.Context(), a.bucket, objstore.IdempotencyPrefix)
		if err != nil || len(refs) != 1 {
			t.Fatalf("%v, %v, want one entry", refs, err)
		}
		other := entry{Fingerprint: "f", Claim: "other", Answer: &answer{Status: http.StatusOK}}
		if _, err := a.store.PutJSON(t.Context(), a.bucket, refs[0].Key, other); err != nil {
			t.Fatal(err)
		}
		<-r.Context().Done()
		return r.Context().Err()
	})
	if err == nil {
		t.Error("the operation ended well")
	}
	if got, err := send(t, a, "k", "f", never(t)); err != nil || got.Code != http.StatusOK {
		t.Errorf("status %d, %v, want the answer of the other process", got.Code, err)
	}
}

// Of many requests at the same time, one runs.
func TestOnce_manyAtOnce(t *testing.T) {
	a := newAnswers(t, lease)
	var ran atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := send(t, a, "k", "f", func(w http.ResponseWriter, r *http.Request) error {
				ran.Add(1)
				return create(w, r)
			})
			if err != nil {
				wantStatus(t, err, http.StatusConflict)
			}
		})
	}
	all.Wait()
	if ran.Load() != 1 {
		t.Errorf("the operation ran %d times, want once", ran.Load())
	}
}

// While a key is held, also by another process, nobody else gets it. A released key leaves nothing in the store.
func TestHold(t *testing.T) {
	a := newAnswers(t, lease)
	other := New(a.store, a.bucket)
	release, err := a.Hold(t.Context(), "s", "k")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Hold(t.Context(), "s", "k")
	wantStatus(t, err, http.StatusConflict)
	for _, free := range [][2]string{{"s", "another"}, {"another", "k"}, {"s", ""}, {"s", ""}} {
		release, err := other.Hold(t.Context(), free[0], free[1])
		if err != nil {
			t.Fatalf("%v: %v", free, err)
		}
		release()
	}
	release()
	release, err = other.Hold(t.Context(), "s", "k")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	release()
	if refs, err := a.store.List(t.Context(), a.bucket, objstore.IdempotencyPrefix); err != nil || len(refs) != 0 {
		t.Errorf("left behind: %v, %v", refs, err)
	}
}

// The answers of the store may be lost after it has acted.
func TestOnce_storeAnswersAreLost(t *testing.T) {
	proxy, store := testenv.S3Proxy(t)
	a := New(store, testenv.Bucket(t))
	var puts atomic.Int64
	proxy.Decide(func(r *http.Request) testenv.Fate {
		if r.Method == http.MethodPut && puts.Add(1)%2 == 1 {
			return testenv.Cut
		}
		return testenv.Pass
	})
	if got, err := send(t, a, "k", "f", create); err != nil || got.Code != http.StatusCreated {
		t.Fatalf("status %d, %v, want 201", got.Code, err)
	}
	if got, err := send(t, a, "k", "f", never(t)); err != nil || got.Header().Get(Replayed) != "true" {
		t.Errorf("status %d, %v, want a replay", got.Code, err)
	}
}

func TestKey(t *testing.T) {
	for value, want := range map[string]string{
		"abc": "abc", `"abc"`: "abc", `a"b`: `a"b`, strings.Repeat("x", 255): strings.Repeat("x", 255),
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(Header, value)
		if got, err := Key(r); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
		}
	}
	for _, values := range [][]string{{""}, {`""`}, {strings.Repeat("x", 256)}, {"ü"}, {"a", "b"}} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header[Header] = values
		_, err := Key(r)
		wantStatus(t, err, http.StatusUnprocessableEntity)
	}
}
