package catalogue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"iris/internal/objstore"
)

// A prefix is listed once, and what is not data under it is left out.
func TestObjects(t *testing.T) {
	w := newWorld(t)
	for key, content := range map[string]string{
		"in/b.csv": "b", "in/a/c.csv": "c", "in/_SUCCESS": "", "in/_marker": "x", "in/.hidden": "x", "in/empty": "",
		"markers/_SUCCESS": "x",
	} {
		if _, err := w.store.Put(t.Context(), w.bucket, key, strings.NewReader(content), -1, ""); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string][]string{
		"in/b.csv": {"in/b.csv"}, "in/": {"in/a/c.csv", "in/b.csv"}, "in/.hidden": {"in/.hidden"},
	} {
		w.proxy.Drain()
		found, err := w.Objects(t.Context(), objstore.Ref{Bucket: w.bucket, Key: key})
		var got []string
		for _, ref := range found {
			got = append(got, ref.Key)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q (%v), want %q", key, got, err, want)
		}
		if requests := w.proxy.Drain(); len(requests) != 1 {
			t.Errorf("%s took %v, want one request", key, requests)
		}
	}
	for _, key := range []string{"none", "none/", "markers/"} {
		found, err := w.Objects(t.Context(), objstore.Ref{Bucket: w.bucket, Key: key})
		if !errors.Is(err, objstore.ErrNotExist) {
			t.Errorf("%s: got %v (%v), want an error for what does not exist", key, found, err)
		}
	}
}
