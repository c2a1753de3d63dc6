package registry_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"iris/internal/registry"
	"iris/internal/registry/registrytest"
	"iris/internal/testenv"
)

// wantMoved asserts the versions that the aliases name and the number of entries in the history.
func (w *world) wantMoved(champion, previous string, entries int) {
	w.t.Helper()
	if got := w.alias("champion"); got != champion {
		w.t.Errorf("got champion %q, want %q", got, champion)
	}
	if got := w.alias("previous"); got != previous {
		w.t.Errorf("got previous %q, want %q", got, previous)
	}
	if history := w.history(); len(history) != entries {
		w.t.Errorf("got history %+v, want %d entries", history, entries)
	}
}

func (w *world) history() []registry.Entry {
	w.t.Helper()
	history, _, err := w.History(w.t.Context(), w.Model, registry.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	return history
}

func TestPromote(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustRegister(3)
	w.wantMoved("", "", 0)
	first := w.MustPromote("1", 0)
	w.wantMoved("1", "", 1)
	second := w.MustPromote("3", 1)
	w.wantMoved("3", "1", 2)
	third := w.MustPromote("1", 2)
	w.wantMoved("1", "3", 3)

	want := registry.Entry{
		At:     registrytest.Epoch.Add(time.Minute),
		Model:  w.Model,
		From:   "1",
		To:     "3",
		Actor:  "ada",
		Reason: "better",
		TaskID: "run/12-01",
	}
	if !reflect.DeepEqual(second, want) {
		t.Errorf("got  %+v\nwant %+v", second, want)
	}
	if history := w.history(); !reflect.DeepEqual(history, []registry.Entry{third, second, first}) {
		t.Errorf("got %+v, want the newest first", history)
	}
	if first.From != "" || third.From != "3" {
		t.Errorf("got champions before %q and %q, want none and 3", first.From, third.From)
	}
}

func TestPromote_expectedChampion(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustRegister(3)
	expect := func(version string, minute int, expected string) (registry.Entry, error) {
		p := w.Promotion(version, minute)
		p.Expected = &expected
		return w.Promote(t.Context(), p)
	}
	if e, err := expect("1", 0, "7"); !errors.Is(err, registry.ErrChampionChanged) || e.From != "" {
		t.Errorf("got %+v, %v; want ErrChampionChanged, from none", e, err)
	}
	w.wantMoved("", "", 0)
	if _, err := expect("1", 1, ""); err != nil {
		t.Error(err)
	}
	w.wantMoved("1", "", 1)
	if e, err := expect("2", 2, ""); !errors.Is(err, registry.ErrChampionChanged) || e.From != "1" {
		t.Errorf("got %+v, %v; want ErrChampionChanged, from 1", e, err)
	}
	w.wantMoved("1", "", 1)
	if e, err := expect("2", 3, "1"); err != nil || e.From != "1" {
		t.Errorf("got %+v, %v; want a promotion from 1", e, err)
	}
	w.wantMoved("2", "1", 2)
}

func TestPromote_twiceByTheSameTask(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	none, p := "", w.Promotion("1", 0)
	p.Expected = &none
	first, err := w.Promote(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.At = p.At.Add(time.Second) // a second attempt may have another time
	again, err := w.Promote(t.Context(), p)
	if err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("got  %+v, %v\nwant %+v", again, err, first)
	}
	w.wantMoved("1", "", 1)
	w.MustPromote("2", 5)
	if late, err := w.Promote(t.Context(), p); err != nil || !reflect.DeepEqual(late, first) {
		t.Errorf("got  %+v, %v\nwant %+v", late, err, first)
	}
	w.wantMoved("2", "1", 2) // the later promotion stays
	p.Version, p.Expected = "1", nil
	p.TaskID = "12-00" // the end of the other task's id
	if e, err := w.Promote(t.Context(), p); err != nil || e.TaskID != "12-00" {
		t.Errorf("got %+v, %v; want a promotion of its own", e, err)
	}
	w.wantMoved("1", "2", 3)
}

func TestPromote_oneTaskTwoVersions(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	p := w.Promotion("1", 0)
	for _, version := range []string{"1", "2"} {
		p.Version = version
		if _, err := w.Promote(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	w.wantMoved("2", "1", 2)
}

func TestPromote_theChampion(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustPromote("1", 0)
	e, err := w.Promote(t.Context(), w.Promotion("1", 1))
	if err != nil || e.From != "1" || e.To != "1" {
		t.Errorf("got %+v, %v; want from 1 to 1", e, err)
	}
	w.wantMoved("1", "", 1)
}

// A host with a slow clock must not write its entry before that of an earlier promotion.
func TestPromote_slowClock(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 5)
	w.MustPromote("2", 3)
	history := w.history()
	if len(history) != 2 || history[0].To != "2" || !history[0].At.After(history[1].At) {
		t.Errorf("got %+v, want the promotion of 2 as the newest", history)
	}
	w.MustPromote("2", 3)
	w.wantMoved("2", "1", 2)
}

// Every request to MLflow and to S3 that changes something fails once, before and after the server acts on it.
func TestPromote_cutAtEachStep(t *testing.T) {
	cutAtEachStep(t, 5, func(t *testing.T) cutTest {
		w := newWorld(t)
		w.MustRegister(1)
		w.MustRegister(2)
		w.MustPromote("1", 0)
		p := w.Promotion("2", 1)
		p.Expected = new("1")
		promote := func() (registry.Entry, error) { return w.Promote(t.Context(), p) }
		return cutTest{
			proxies: []*testenv.Proxy{w.LabProxy, w.S3Proxy},
			attempt: func() error { _, err := promote(); return err },
			verify: func() {
				e, err := promote()
				if err != nil || e.From != "1" || e.To != "2" {
					t.Fatalf("got %+v, %v; want from 1 to 2", e, err)
				}
				w.wantMoved("2", "1", 2)
			},
		}
	})
}

func TestPromote_refuses(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustPromote("1", 0)
	broken := w.MustRegister(2)
	w.Overwrite(broken, "model.json", []byte("{}"))
	for _, test := range []struct {
		name   string
		change func(*registry.Promotion)
		want   error
		text   string
	}{
		{"unknown version", func(p *registry.Promotion) { p.Version = "9" }, registry.ErrNotExist, "9"},
		{"corrupt version", func(p *registry.Promotion) { p.Version = "2" }, registry.ErrCorrupt, "SHA-256"},
		{"a URI", func(p *registry.Promotion) { p.Version = "models:/iris/1" }, registry.ErrBadReference, "models:/iris/1"},
		{"no task", func(p *registry.Promotion) { p.TaskID = "" }, nil, "task id"},
		{"no time", func(p *registry.Promotion) { p.At = time.Time{} }, nil, "time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := w.Promotion("1", 1)
			test.change(&p)
			_, err := w.Promote(t.Context(), p)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.text)
			}
			w.wantMoved("1", "", 1)
		})
	}
}

// A champion with damaged tags must not prevent the next promotion.
func TestPromote_replacesADamagedChampion(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 0)
	if err := w.Lab.SetVersionTag(t.Context(), w.Model, "1", "iris.split", "?"); err != nil {
		t.Fatal(err)
	}
	w.MustPromote("2", 1)
	w.wantMoved("2", "1", 2)
}

func TestHistory_pages(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	for minute := range 5 {
		w.MustPromote([]string{"1", "2"}[minute%2], minute)
	}
	all := w.history()
	var read []registry.Entry
	page := registry.Page{Limit: 2}
	for pages := 1; ; pages++ {
		entries, next, err := w.History(t.Context(), w.Model, page)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > 2 {
			t.Errorf("page %d has %d entries, want at most 2", pages, len(entries))
		}
		read = append(read, entries...)
		if pages == 1 {
			w.MustPromote("2", 9) // a new entry does not change the following pages
		}
		if page.After = next; next == "" {
			break
		}
	}
	if !reflect.DeepEqual(read, all) {
		t.Errorf("got  %+v\nwant %+v", read, all)
	}
}

func TestHistory_ignoresOtherObjects(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustPromote("1", 0)
	for _, name := range []string{"README", "a-name-that-is-as-long-as-a-time-would-be.json"} {
		if _, err := w.Store.PutJSON(t.Context(), w.Bucket, "models/"+w.Model+"/history/"+name, "?"); err != nil {
			t.Fatal(err)
		}
	}
	w.wantMoved("1", "", 1)
}

func TestHistory_unreadableEntry(t *testing.T) {
	w := newWorld(t)
	key := "models/" + w.Model + "/history/2026-11-22T12:00:00.000000000Z-x.json"
	if _, err := w.Store.PutJSON(t.Context(), w.Bucket, key, "?"); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.History(t.Context(), w.Model, registry.Page{})
	if err == nil || !strings.Contains(err.Error(), "history") {
		t.Errorf("got %v, want an error that names the history", err)
	}
}
