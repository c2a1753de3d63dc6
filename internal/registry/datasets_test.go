package registry_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"

	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestDatasetVersions(t *testing.T) {
	w := newWorld(t)
	var digest [32]byte
	_, _ = rand.Read(digest[:]) // never fails
	c := w.Candidate(1)
	c.DatasetSHA256 = hex.EncodeToString(digest[:])
	if _, err := w.Register(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.MustRegister(2) // on another dataset
	found, err := w.DatasetVersions(t.Context(), c.DatasetSHA256)
	if err != nil || len(found) != 1 || found[0].Model != w.Model || found[0].Number != "1" || found[0].Algorithm == "" {
		t.Errorf("got %+v (%v), want only version 1 of %s", found, err, w.Model)
	}
	digest[0]++
	found, err = w.DatasetVersions(t.Context(), hex.EncodeToString(digest[:]))
	if err != nil || found == nil || len(found) != 0 {
		t.Errorf("got %+v (%v), want an empty list", found, err)
	}
	if _, err := w.DatasetVersions(t.Context(), "x' or 1=1"); !errors.Is(err, registry.ErrBadReference) {
		t.Errorf("got %v, want ErrBadReference", err)
	}
	w.LabProxy.All(testenv.Refuse)
	if _, err := w.DatasetVersions(t.Context(), c.DatasetSHA256); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
