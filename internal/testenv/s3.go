package testenv

import (
	"testing"

	"iris/internal/objstore"
	"iris/internal/stack"
)

// S3 returns a store on a real MinIO. Tests share the server, so each needs its own bucket, from Bucket.
func S3(t testing.TB) *objstore.Store {
	t.Helper()
	a := need(t, stack.MinIO)
	store, err := objstore.New(objstore.Options{Endpoint: a.S3, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey})
	if err != nil {
		t.Fatalf("connect to %s: %v", a.S3, err)
	}
	return store
}

// Bucket creates an empty bucket and returns its name. The bucket ends with the server.
func Bucket(t testing.TB) string {
	t.Helper()
	store, name := S3(t), Name()
	if err := store.EnsureBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}
