package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
)

func TestKeep(t *testing.T) {
	w := newWorld(t)
	upload, err := w.store.Put(t.Context(), w.bucket, "uploads/a", strings.NewReader("x\n1\n"), -1, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.Keep(t.Context(), upload)
	if err != nil || kept.SHA256 != upload.SHA256 || kept.Size != upload.Size || !w.Holds(kept) || w.Holds(upload) {
		t.Errorf("got %+v (%v), want the upload as a dataset", kept, err)
	}
	w.proxy.Drain()
	again, err := w.Keep(t.Context(), upload)
	if err != nil || again.Key != kept.Key || again.SHA256 != kept.SHA256 {
		t.Errorf("got %+v (%v), want %+v", again, err, kept)
	}
	if requests := w.proxy.Drain(); len(requests) != 1 {
		t.Errorf("the second time took %v, want one look", requests)
	}
	bytes, err := w.KeepBytes(t.Context(), []byte("x\n1\n"))
	if err != nil || bytes.Key != kept.Key {
		t.Errorf("got %+v (%v), want the same dataset", bytes, err)
	}
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	var digests []string
	for _, csv := range []string{"a\n", "b\n", "c\n"} {
		ref, err := w.KeepBytes(t.Context(), []byte(csv))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, ref.SHA256)
	}
	slices.Sort(digests)
	for _, digest := range append(digests[:2:2], strings.Repeat("0", 64)) { // the last one does not exist
		if err := w.Annotate(t.Context(), digest, catalogue.Change{AddNames: []string{"wine"}}); err != nil {
			t.Fatal(err)
		}
	}
	for word, want := range map[string][]string{
		digests[2][:12]: digests[2:], "wine": digests[:2], "win": nil, strings.Repeat("0", 12): nil,
	} {
		found, err := w.Find(t.Context(), word)
		var got []string
		for _, ref := range found {
			got = append(got, ref.SHA256)
			if ref != (objstore.Ref{Bucket: w.bucket, Key: w.Ref(ref.SHA256).Key, Size: 2, SHA256: ref.SHA256, ETag: ref.ETag}) {
				t.Errorf("%s: got %+v, want its object", word, ref)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", word, got, err, want)
		}
	}
}

func TestViews(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("ab", 32)
	known := dataset.Iris()
	view := catalogue.View{Schema: known, Known: &known}
	ref, err := w.WriteView(t.Context(), digest, view)
	if err != nil {
		t.Fatal(err)
	}
	// An upload knows less of the same view, and changes nothing.
	if err := w.AddView(t.Context(), digest, catalogue.View{Schema: known}); err != nil {
		t.Fatal(err)
	}
	other := known
	other.Label = "kind"
	if err := w.AddView(t.Context(), digest, catalogue.View{Schema: other}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.View(t.Context(), ref); err != nil || got.Known == nil {
		t.Errorf("got %+v (%v), want the view of the training", got, err)
	}
	if views, err := w.Views(t.Context(), digest); err != nil || len(views) != 2 {
		t.Errorf("got %+v (%v), want two views", views, err)
	}
}
