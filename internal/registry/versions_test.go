package registry_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"iris/internal/registry"
)

func (w *world) cache(versions int) *registry.Cache {
	w.t.Helper()
	c, err := registry.NewCache(registry.CacheOptions{Registry: w.Registry, Versions: versions})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestCache_version(t *testing.T) {
	w := newWorld(t)
	first := w.register(1)
	w.register(2)
	w.promote("2", 0)
	f := w.follow(nil)
	f.rest()
	if _, err := f.Version(t.Context(), w.model, "1"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, ref, want string
		requests        int
	}{
		{"number", "1", "1", 0},
		{"version URI", "models:/" + w.model + "/1", "1", 0},
		{"number of the champion", "2", "2", 0},
		{"nothing", "", "2", 0},
		{"champion", "models:/" + w.model + "@champion", "2", 0},
		{"logged model", "models:/" + first.ModelID, "1", 2},
		{"run", "runs:/" + first.RunID + "/model", "1", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.lab.drain()
			s, err := f.Version(t.Context(), w.model, test.ref)
			if err != nil {
				t.Fatal(err)
			}
			if s.Version.Number != test.want || s.Model.Spec().Seed != s.Version.Seed || strconv.FormatUint(s.Version.Seed, 10) != test.want {
				t.Errorf("got version %s with the model of seed %d, want %s", s.Version.Number, s.Model.Spec().Seed, test.want)
			}
			if s.Version.Aliases != nil {
				t.Errorf("got aliases %v, want none: they move", s.Version.Aliases)
			}
			if got := w.lab.drain(); len(got) != test.requests {
				t.Errorf("made %v, want %d requests", got, test.requests)
			}
		})
	}
}

// A worker's cache is followed by nobody: the champion is asked for each time.
func TestCache_versionWithoutRun(t *testing.T) {
	w := newWorld(t)
	w.register(1)
	w.register(2)
	c := w.cache(0)
	if _, err := c.Version(t.Context(), w.model, ""); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	for i, want := range []string{"1", "2"} {
		w.promote(want, i)
		if s, err := c.Version(t.Context(), w.model, ""); err != nil || s.Version.Number != want {
			t.Errorf("got %+v, %v; want version %s", s, err, want)
		}
	}
}

func TestCache_versionErrors(t *testing.T) {
	w := newWorld(t)
	broken := w.register(1)
	w.overwrite(broken, "model.json", []byte("{}"))
	c := w.cache(0)
	for _, test := range []struct {
		name, model, ref string
		want             error
	}{
		{"unknown", w.model, "9", registry.ErrNotExist},
		{"unknown model", "nobody-knows-me", "1", registry.ErrNotExist},
		{"another model", w.model, "models:/iris/1", registry.ErrWrongModel},
		{"champion of another model", w.model, "models:/iris@champion", registry.ErrWrongModel},
		{"no form", w.model, "newest", registry.ErrBadReference},
		{"no model name", "A", "1", registry.ErrBadReference},
		{"corrupt", w.model, "1", registry.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := c.Version(t.Context(), test.model, test.ref); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestCache_keepsNoError(t *testing.T) {
	w := newWorld(t)
	c := w.cache(0)
	if _, err := c.Version(t.Context(), w.model, "1"); !errors.Is(err, registry.ErrNotExist) {
		t.Fatalf("got %v, want ErrNotExist", err)
	}
	w.register(1)
	w.lab.on(always(refuse))
	if _, err := c.Version(t.Context(), w.model, "1"); !errors.Is(err, registry.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	w.lab.on(nil)
	if s, err := c.Version(t.Context(), w.model, "1"); err != nil || s.Version.Number != "1" {
		t.Errorf("got %+v, %v; want version 1", s, err)
	}
}

func TestCache_keepsTheLatestAskedFor(t *testing.T) {
	w := newWorld(t)
	for seed := range 3 {
		w.register(uint64(seed))
	}
	c := w.cache(2)
	downloads := func(number string) int {
		t.Helper()
		w.lab.drain()
		if _, err := c.Version(t.Context(), w.model, number); err != nil {
			t.Fatal(err)
		}
		if c.Kept() > 2 {
			t.Errorf("keeps %d versions, want at most 2", c.Kept())
		}
		return count(w.lab.drain(), "GET", "/artifacts/model.json")
	}
	for i, step := range []struct {
		number string
		want   int
	}{{"1", 1}, {"2", 1}, {"1", 0}, {"3", 1}, {"1", 0}, {"2", 1}, {"2", 0}} {
		if got := downloads(step.number); got != step.want {
			t.Errorf("step %d, version %s: %d downloads, want %d", i, step.number, got, step.want)
		}
	}
}

func TestCache_oneLoadForAllWhoAsk(t *testing.T) {
	w := newWorld(t)
	w.register(1)
	c := w.cache(0)
	asked := make(chan struct{})
	w.lab.onAnswer("/artifacts/model.json", func() { <-asked })
	var all, first sync.WaitGroup
	got := make([]*registry.Served, 50)
	for i := range got {
		first.Add(1)
		all.Go(func() {
			first.Done()
			s, err := c.Version(t.Context(), w.model, "1")
			if err != nil {
				t.Error(err)
			}
			got[i] = s
		})
	}
	first.Wait()
	close(asked)
	all.Wait()
	for _, s := range got {
		if s == nil || s != got[0] {
			t.Fatalf("got %p and %p, want one and the same", got[0], s)
		}
	}
	if n := count(w.lab.drain(), "GET", "/artifacts/model.json"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

// Who gives up takes nobody else along: the load goes on for those who wait.
func TestCache_theFirstGivesUp(t *testing.T) {
	w := newWorld(t)
	w.register(1)
	c := w.cache(0)
	reached, resume := make(chan struct{}), make(chan struct{})
	w.lab.onAnswer("/artifacts/model.json", func() { close(reached); <-resume })
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := c.Version(ctx, w.model, "1")
		gaveUp <- err
	}()
	<-reached
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(resume)
	if s, err := c.Version(t.Context(), w.model, "1"); err != nil || s.Version.Number != "1" {
		t.Errorf("got %+v, %v; want version 1", s, err)
	}
	if n := count(w.lab.drain(), "GET", "/artifacts/model.json"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}
