package catalogue_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"iris/internal/catalogue"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestAnnotate_concurrentWritersLoseNothing(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("ab", 32)
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			change := catalogue.Change{
				AddNames: []string{fmt.Sprintf("name-%d", i)},
				SetTags:  map[string]string{fmt.Sprintf("key-%d", i): "ü"},
			}
			if err := w.Annotate(t.Context(), digest, change); err != nil {
				t.Error(err)
			}
			source := catalogue.Source{Kind: catalogue.SourceUpload, FileName: fmt.Sprintf("%d.csv", i)}
			if err := w.AddSource(t.Context(), digest, source); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	got := w.annotations(t, digest)
	if len(got.Names) != 8 || !slices.IsSorted(got.Names) || len(got.Tags) != 8 || got.Tags["key-7"] != "ü" ||
		len(got.Sources) != 8 {
		t.Errorf("got %+v, want what each of 8 has written", got)
	}
	for i, s := range got.Sources {
		if s.Kind != catalogue.SourceUpload || s.FirstSeenAt.IsZero() ||
			(i > 0 && s.FirstSeenAt.Before(got.Sources[i-1].FirstSeenAt)) {
			t.Errorf("source %d is %+v, want an upload that is not before the previous one", i, s)
		}
	}
}

func TestAnnotate(t *testing.T) {
	w := newWorld(t)
	one, two := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	annotate := func(digest string, c catalogue.Change) {
		t.Helper()
		if err := w.Annotate(t.Context(), digest, c); err != nil {
			t.Fatal(err)
		}
	}
	annotate(one, catalogue.Change{
		AddNames: []string{"wine", "wine.v1"}, SetTags: map[string]string{"owner": "ada", "old": "x"},
	})
	annotate(two, catalogue.Change{AddNames: []string{"wine"}})
	annotate(one, catalogue.Change{
		RemoveNames: []string{"wine.v1", "never-there"},
		SetTags:     map[string]string{"owner": "eve"},
		RemoveTags:  []string{"old"},
	})
	got := w.annotations(t, one)
	if !slices.Equal(got.Names, []string{"wine"}) || !maps.Equal(got.Tags, map[string]string{"owner": "eve"}) {
		t.Errorf("got %+v, want the name wine and the owner eve", got)
	}
	both, err := w.Annotations(t.Context(), one, two)
	if err != nil || len(both) != 2 || len(both[one].Tags) != 1 || len(both[two].Names) != 1 || both[two].Tags == nil ||
		both[two].Sources == nil {
		t.Errorf("got %+v (%v), want the annotations of both", both, err)
	}
	if none, err := w.Annotations(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("annotations of nothing: %v (%v)", none, err)
	}
	w.proxy.Drain()
	annotate(one, catalogue.Change{})
	if requests := w.proxy.Drain(); len(requests) != 0 {
		t.Errorf("an empty change took %v, want no request", requests)
	}
}

func TestAddSource_firstSeenStays(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("cd", 32)
	from := catalogue.Source{Kind: catalogue.SourceS3, URI: "s3://lake/a.csv"}
	for range 2 {
		if err := w.AddSource(t.Context(), digest, from); err != nil {
			t.Fatal(err)
		}
	}
	first := w.annotations(t, digest).Sources
	if len(first) != 1 || first[0].URI != from.URI || first[0].FirstSeenAt.IsZero() {
		t.Fatalf("sources %+v, want the one", first)
	}
	for i := range 25 {
		source := catalogue.Source{Kind: catalogue.SourceUpload, FileName: fmt.Sprint(i)}
		if err := w.AddSource(t.Context(), digest, source); err != nil {
			t.Fatal(err)
		}
	}
	if now := w.annotations(t, digest).Sources; len(now) != 20 || now[0] != first[0] {
		t.Errorf("%d sources, the first %+v, want 20 and still %+v", len(now), now[0], first[0])
	}
}

func TestAnnotate_refuses(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("ef", 32)
	for name, c := range map[string]catalogue.Change{
		"an empty name":             {AddNames: []string{""}},
		"a slash":                   {AddNames: []string{"a/b"}},
		"a long name":               {AddNames: []string{strings.Repeat("x", 101)}},
		"a digest":                  {AddNames: []string{"0123456789ab"}},
		"an empty value":            {SetTags: map[string]string{"a": ""}},
		"an empty key":              {SetTags: map[string]string{"": "a"}},
		"a long value":              {SetTags: map[string]string{"a": strings.Repeat("x", 501)}},
		"not UTF-8":                 {SetTags: map[string]string{"a": "\xff"}},
		"a key of dots":             {SetTags: map[string]string{"..": "a"}},
		"a good name and a bad one": {AddNames: []string{"good", ".."}},
	} {
		if err := w.Annotate(t.Context(), digest, c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	var full catalogue.Change
	for i := range catalogue.MaxNames {
		full.AddNames = append(full.AddNames, fmt.Sprintf("n%d", i))
	}
	if err := w.Annotate(t.Context(), digest, full); err != nil {
		t.Fatal(err)
	}
	tooMany := catalogue.Change{AddNames: []string{"n0", "more"}, SetTags: map[string]string{"a": "b"}}
	if err := w.Annotate(t.Context(), digest, tooMany); !errors.Is(err, catalogue.ErrTooMany) {
		t.Errorf("one more name: %v, want ErrTooMany", err)
	}
	exchange := catalogue.Change{AddNames: []string{"n0", "more"}, RemoveNames: []string{"n1"}}
	if err := w.Annotate(t.Context(), digest, exchange); err != nil {
		t.Errorf("one name for another: %v", err)
	}
	if got := w.annotations(t, digest); len(got.Names) != catalogue.MaxNames || len(got.Tags) != 0 {
		t.Errorf("got %+v, want 20 names and no tag", got)
	}
}

func TestAnnotations_outage(t *testing.T) {
	w := newWorld(t)
	digest := strings.Repeat("12", 32)
	set := catalogue.Change{AddNames: []string{"a"}, SetTags: map[string]string{"a": "b"}}
	if err := w.Annotate(t.Context(), digest, set); err != nil {
		t.Fatal(err)
	}
	for _, only := range []struct {
		name string
		lost func(*http.Request) bool
	}{
		{"the list", testenv.IsList},
		{"an object", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ".json") }},
	} {
		t.Run(only.name, func(t *testing.T) {
			w.proxy.RefuseIf(only.lost)
			_, readErr := w.Annotations(t.Context(), digest)
			for what, err := range map[string]error{
				"read":   readErr,
				"change": w.Annotate(t.Context(), digest, catalogue.Change{AddNames: []string{"b"}}),
				"tag":    w.Annotate(t.Context(), digest, catalogue.Change{SetTags: map[string]string{"b": "c"}}),
				"remove": w.Annotate(t.Context(), digest, catalogue.Change{RemoveTags: []string{"b"}}),
				"source": w.AddSource(t.Context(), digest, catalogue.Source{Kind: catalogue.SourceBundled}),
			} {
				if !errors.Is(err, objstore.ErrUnavailable) {
					t.Errorf("%s: %v, want ErrUnavailable", what, err)
				}
			}
		})
	}
	if _, err := w.Named(t.Context(), "a"); err != nil { // objects are refused, lists are not
		t.Error(err)
	}
	left, err := w.store.List(t.Context(), w.bucket, objstore.DatasetAnnotationsPrefix(digest))
	if err != nil || len(left) != 2 {
		t.Errorf("%d annotations (%v), want the two from before", len(left), err)
	}
}
