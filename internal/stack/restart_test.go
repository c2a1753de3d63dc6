package stack

import (
	"bytes"
	"syscall"
	"testing"

	"iris/internal/objstore"
)

// A part that is killed leaves the stack running, and starts again on the same address with its data.
func TestEnd_andExtendAgain(t *testing.T) {
	s, err := Start(t.Context(), Options{Paths: installed(t), DataDir: t.TempDir(), Parts: []Part{MinIO}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	before := s.Addresses()
	store, err := objstore.New(objstore.Options{
		Endpoint: before.S3, AccessKey: before.S3AccessKey, SecretKey: before.S3SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	const text = "kept"
	ref, err := store.Put(t.Context(), "iris", "x", bytes.NewReader([]byte(text)), int64(len(text)), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := s.End(t.Context(), MinIO, signal); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Stat(t.Context(), ref.Bucket, ref.Key); err == nil {
			t.Errorf("the store answers after signal %v", signal)
		}
		wantError(t, s.Signal(MinIO, syscall.SIGSTOP), "minio", "not running")
		wantError(t, s.End(t.Context(), MinIO, signal), "minio", "not running")
		if err := s.Extend(t.Context(), MinIO); err != nil {
			t.Fatal(err)
		}
		if after := s.Addresses(); after != before {
			t.Errorf("started again at %+v, want %+v", after, before)
		}
		if got, err := store.Stat(t.Context(), ref.Bucket, ref.Key); err != nil || got.Size != int64(len(text)) {
			t.Errorf("the object after signal %v: %+v, %v", signal, got, err)
		}
	}
	if err := s.Signal(MinIO, syscall.SIGCONT); err != nil {
		t.Error(err)
	}
	select {
	case err := <-s.died:
		t.Errorf("the stack reports %v, want nothing about parts that were ended", err)
	default:
	}
}

func TestKeep(t *testing.T) {
	a := Addresses{
		Temporal: "127.0.0.1:1", TemporalUI: "http://127.0.0.1:2", S3: "127.0.0.1:3", S3Console: "http://127.0.0.1:4",
		MLflow: "http://127.0.0.1:5",
	}
	var p Ports
	for _, part := range AllParts() {
		if err := p.keep(part, a); err != nil {
			t.Fatal(err)
		}
	}
	if want := (Ports{Temporal: 1, TemporalUI: 2, S3: 3, S3Console: 4, MLflow: 5}); p != want {
		t.Errorf("ports %+v, want %+v", p, want)
	}
	a.S3 = "nowhere"
	wantError(t, p.keep(MinIO, a), "no port")
}
