package objstore_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"iris/internal/objstore"
)

// TestPut_fullStore answers as MinIO and other stores do whose disks are full.
func TestPut_fullStore(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		code   string
	}{
		"MinIO":           {http.StatusInsufficientStorage, "XMinioStorageFull"},
		"another status":  {http.StatusInternalServerError, "XMinioStorageFull"},
		"only the status": {http.StatusInsufficientStorage, "NoRoom"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, "<Error><Code>"+answer.code+"</Code><Message>full</Message></Error>")
			}))
			t.Cleanup(server.Close)
			store, err := objstore.New(objstore.Options{Endpoint: server.URL, AccessKey: "k", SecretKey: "s"})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = store.Put(t.Context(), "bucket", "key", pattern(10), 10, "")
			if !errors.Is(err, objstore.ErrFull) || !errors.Is(err, objstore.ErrUnavailable) {
				t.Errorf("got %v, want ErrFull, which is also ErrUnavailable", err)
			}
			if took := time.Since(began); took > promise {
				t.Errorf("took %s", took)
			}
		})
	}
}
