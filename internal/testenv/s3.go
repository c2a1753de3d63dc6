package testenv

import (
	"testing"

	"iris/internal/objstore"
	"iris/internal/stack"
)

// S3 returns a store on a real MinIO. Tests share the server, so each needs its own bucket, from Bucket.
func S3(t testing.TB) *objstore.Store {
	t.Helper()
	o := S3Options(t)
	store, err := objstore.New(o)
	if err != nil {
		t.Fatalf("connect to %s: %v", o.Endpoint, err)
	}
	return store
}

// S3Options returns how to connect to the store.
func S3Options(t testing.TB) objstore.Options {
	t.Helper()
	a := need(t, stack.MinIO)
	return objstore.Options{Endpoint: a.S3, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey}
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
