package registry_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

func notesOf(t *testing.T, w *world, digest string) registry.DatasetNotes {
	t.Helper()
	notes, err := w.DatasetNotes(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	return notes[digest]
}

func TestChangeDataset_concurrentWritersLoseNothing(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("ab", 32)
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			change := registry.DatasetChange{
				AddNames: []string{fmt.Sprintf("name-%d", i)},
				SetTags:  map[string]string{fmt.Sprintf("key-%d", i): "ü"},
			}
			if err := w.ChangeDataset(t.Context(), digest, change); err != nil {
				t.Error(err)
			}
			if err := w.NoteSource(
				t.Context(),
				digest,
				registry.DatasetSource{Kind: registry.SourceUpload, FileName: fmt.Sprintf("%d.csv", i)},
			); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	notes := notesOf(t, w, digest)
	if len(notes.Names) != 8 || !slices.IsSorted(notes.Names) || len(notes.Tags) != 8 || notes.Tags["key-7"] != "ü" ||
		len(notes.Sources) != 8 {
		t.Errorf("got %+v, want what each of 8 has written", notes)
	}
	for i, s := range notes.Sources {
		if s.Kind != registry.SourceUpload || s.FirstSeenAt.IsZero() ||
			(i > 0 && s.FirstSeenAt.Before(notes.Sources[i-1].FirstSeenAt)) {
			t.Errorf("source %d is %+v, want an upload, after the one before", i, s)
		}
	}
}

func TestChangeDataset(t *testing.T) {
	w := newWorld(t)
	one, two := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	change := func(digest string, c registry.DatasetChange) {
		t.Helper()
		if err := w.ChangeDataset(t.Context(), digest, c); err != nil {
			t.Fatal(err)
		}
	}
	change(
		one,
		registry.DatasetChange{AddNames: []string{"wine", "wine.v1"}, SetTags: map[string]string{"owner": "ada", "old": "x"}},
	)
	change(two, registry.DatasetChange{AddNames: []string{"wine"}})
	change(
		one,
		registry.DatasetChange{
			RemoveNames: []string{"wine.v1", "never-there"},
			SetTags:     map[string]string{"owner": "eve"},
			RemoveTags:  []string{"old"},
		},
	)
	if got := notesOf(
		t,
		w,
		one,
	); !slices.Equal(got.Names, []string{"wine"}) ||
		!maps.Equal(got.Tags, map[string]string{"owner": "eve"}) {
		t.Errorf("got %+v, want the name wine and the owner eve", got)
	}
	named, err := w.DatasetsNamed(t.Context(), "wine")
	if err != nil || !slices.Equal(named, []string{one, two}) {
		t.Errorf("named wine: %v (%v), want both", named, err)
	}
	if named, err := w.DatasetsNamed(t.Context(), "win"); err != nil || len(named) != 0 {
		t.Errorf("named win: %v (%v), want none", named, err)
	}
	both, err := w.DatasetNotes(t.Context(), one, two)
	if err != nil || len(both) != 2 || len(both[one].Tags) != 1 || len(both[two].Names) != 1 || both[two].Tags == nil ||
		both[two].Sources == nil {
		t.Errorf("got %+v (%v), want the notes about both", both, err)
	}
	if none, err := w.DatasetNotes(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("notes about nothing: %v (%v)", none, err)
	}
}

func TestNoteSource_firstSeenStays(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("cd", 32)
	from := registry.DatasetSource{Kind: registry.SourceS3, URI: "s3://lake/a.csv"}
	for range 2 {
		if err := w.NoteSource(t.Context(), digest, from); err != nil {
			t.Fatal(err)
		}
	}
	first := notesOf(t, w, digest).Sources
	if len(first) != 1 || first[0].URI != from.URI || first[0].FirstSeenAt.IsZero() {
		t.Fatalf("sources %+v, want the one", first)
	}
	for i := range 25 {
		if err := w.NoteSource(
			t.Context(),
			digest,
			registry.DatasetSource{Kind: registry.SourceUpload, FileName: fmt.Sprint(i)},
		); err != nil {
			t.Fatal(err)
		}
	}
	if now := notesOf(t, w, digest).Sources; len(now) != 20 || now[0] != first[0] {
		t.Errorf("%d sources, the first %+v, want 20 and still %+v", len(now), now[0], first[0])
	}
}

func TestChangeDataset_refuses(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("ef", 32)
	for name, c := range map[string]registry.DatasetChange{
		"no name":        {AddNames: []string{""}},
		"a slash":        {AddNames: []string{"a/b"}},
		"a long name":    {AddNames: []string{strings.Repeat("x", 101)}},
		"a digest":       {AddNames: []string{"0123456789ab"}},
		"no value":       {SetTags: map[string]string{"a": ""}},
		"no key":         {SetTags: map[string]string{"": "a"}},
		"a long value":   {SetTags: map[string]string{"a": strings.Repeat("x", 501)}},
		"not UTF-8":      {SetTags: map[string]string{"a": "\xff"}},
		"a key in dots":  {SetTags: map[string]string{"..": "a"}},
		"one name good ": {AddNames: []string{"good", ".."}},
	} {
		if err := w.ChangeDataset(t.Context(), digest, c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	var many registry.DatasetChange
	for i := range registry.MaxDatasetNames {
		many.AddNames = append(many.AddNames, fmt.Sprintf("n%d", i))
	}
	if err := w.ChangeDataset(t.Context(), digest, many); err != nil {
		t.Fatal(err)
	}
	if err := w.ChangeDataset(
		t.Context(),
		digest,
		registry.DatasetChange{AddNames: []string{"n0", "more"}, SetTags: map[string]string{"a": "b"}},
	); !errors.Is(
		err,
		registry.ErrTooMany,
	) {
		t.Errorf("one name more: %v, want ErrTooMany", err)
	}
	if err := w.ChangeDataset(
		t.Context(),
		digest,
		registry.DatasetChange{AddNames: []string{"n0", "more"}, RemoveNames: []string{"n1"}},
	); err != nil {
		t.Errorf("one name for another: %v", err)
	}
	if got := notesOf(t, w, digest); len(got.Names) != registry.MaxDatasetNames || len(got.Tags) != 0 {
		t.Errorf("got %+v, want 20 names and no tag", got)
	}
}

func TestDatasetNotes_outage(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("12", 32)
	set := registry.DatasetChange{AddNames: []string{"a"}, SetTags: map[string]string{"a": "b"}}
	if err := w.ChangeDataset(t.Context(), digest, set); err != nil {
		t.Fatal(err)
	}
	for _, only := range []struct {
		name string
		lost func(*http.Request) bool
	}{
		{"the list", func(r *http.Request) bool { return r.URL.Query().Has("list-type") }},
		{"an object", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ".json") }},
	} {
		t.Run(only.name, func(t *testing.T) {
			w.S3Proxy.Decide(func(r *http.Request) testenv.Fate {
				if only.lost(r) {
					return testenv.Refuse
				}
				return testenv.Pass
			})
			_, readErr := w.DatasetNotes(t.Context(), digest)
			for what, err := range map[string]error{
				"read":   readErr,
				"change": w.ChangeDataset(t.Context(), digest, registry.DatasetChange{AddNames: []string{"b"}}),
				"tag":    w.ChangeDataset(t.Context(), digest, registry.DatasetChange{SetTags: map[string]string{"b": "c"}}),
				"remove": w.ChangeDataset(t.Context(), digest, registry.DatasetChange{RemoveTags: []string{"b"}}),
				"source": w.NoteSource(t.Context(), digest, registry.DatasetSource{Kind: registry.SourceBundled}),
			} {
				if !errors.Is(err, registry.ErrUnavailable) {
					t.Errorf("%s: %v, want ErrUnavailable", what, err)
				}
			}
		})
	}
	if _, err := w.DatasetsNamed(t.Context(), "a"); err != nil { // objects are refused, the list is not
		t.Error(err)
	}
	if refs, err := w.Store.List(
		t.Context(),
		w.Bucket,
		objstore.DatasetNotesPrefix(digest),
	); err != nil ||
		len(refs) != 2 {
		t.Errorf("%d notes (%v), want the two from before", len(refs), err)
	}
}
