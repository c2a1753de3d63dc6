package champions_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestCache_version(t *testing.T) {
	w := newWorld(t)
	first := w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("2", 0)
	f := w.follow()
	f.rest()
	if _, err := f.Version(t.Context(), w.Model, "1"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, ref, want string
		requests        int
	}{
		{"number", "1", "1", 0},
		{"version URI", "models:/" + w.Model + "/1", "1", 0},
		{"number of the champion", "2", "2", 0},
		{"nothing", "", "2", 0},
		{"champion", "models:/" + w.Model + "@champion", "2", 0},
		{"logged model", "models:/" + first.LoggedModelID, "1", 2},
		{"run", "runs:/" + first.RunID + "/model", "1", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.LabProxy.Drain()
			s, err := f.Version(t.Context(), w.Model, test.ref)
			if err != nil {
				t.Fatal(err)
			}
			if s.Version.Number != test.want || s.Model.Spec().Seed != s.Version.Seed ||
				strconv.FormatUint(s.Version.Seed, 10) != test.want {
				t.Errorf("got version %s with the model of seed %d, want %s", s.Version.Number, s.Model.Spec().Seed, test.want)
			}
			if s.Version.Aliases != nil {
				t.Errorf("got aliases %v, want none: they move", s.Version.Aliases)
			}
			if got := w.LabProxy.Drain(); len(got) != test.requests {
				t.Errorf("made %v, want %d requests", got, test.requests)
			}
		})
	}
}

// Without Run, as in a worker, the champion is looked up each time.
func TestCache_versionWithoutRun(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	w.MustRegister(2)
	c := w.newCache(champions.Options{})
	if _, err := c.Version(t.Context(), w.Model, ""); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	for i, want := range []string{"1", "2"} {
		w.MustPromote(want, i)
		if s, err := c.Version(t.Context(), w.Model, ""); err != nil || s.Version.Number != want {
			t.Errorf("got %+v, %v; want version %s", s, err, want)
		}
	}
}

func TestCache_versionErrors(t *testing.T) {
	w := newWorld(t)
	broken := w.MustRegister(1)
	w.Overwrite(broken, "model.json", []byte("{}"))
	c := w.newCache(champions.Options{})
	for _, test := range []struct {
		name, model, ref string
		want             error
	}{
		{"unknown", w.Model, "9", registry.ErrNotExist},
		{"unknown model", "nobody-knows-me", "1", registry.ErrNotExist},
		{"another model", w.Model, "models:/iris/1", registry.ErrWrongModel},
		{"champion of another model", w.Model, "models:/iris@champion", registry.ErrWrongModel},
		{"no form", w.Model, "newest", registry.ErrBadReference},
		{"no model name", "A", "1", registry.ErrBadReference},
		{"corrupt", w.Model, "1", registry.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := c.Version(t.Context(), test.model, test.ref); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestCache_doesNotRememberFailedLoads(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	c := w.newCache(champions.Options{})
	w.LabProxy.All(testenv.Refuse)
	if _, err := c.Version(t.Context(), w.Model, "1"); !errors.Is(err, registry.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	w.LabProxy.Decide(nil)
	if s, err := c.Version(t.Context(), w.Model, "1"); err != nil || s.Version.Number != "1" {
		t.Errorf("got %+v, %v; want version 1", s, err)
	}
}

// Repeated requests for a version that does not exist reach MLflow only once in a while.
func TestCache_remembersAbsentVersions(t *testing.T) {
	w := newWorld(t)
	for name, ref := range map[string]string{
		"a number": "1", "a URI": "models:/" + w.Model + "/1", "an alias": "models:/" + w.Model + "@candidate",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.newCache(champions.Options{})
			now := time.Now()
			c.SetNow(func() time.Time { return now })
			ask := func() (requests int) {
				t.Helper()
				w.LabProxy.Drain()
				if _, err := c.Version(t.Context(), w.Model, ref); !errors.Is(err, registry.ErrNotExist) {
					t.Fatalf("got %v, want ErrNotExist", err)
				}
				return len(w.LabProxy.Drain())
			}
			if ask() == 0 {
				t.Error("made no request to MLflow")
			}
			for range 3 {
				if n := ask(); n != 0 {
					t.Errorf("%d requests for a version that is known not to exist, want none", n)
				}
			}
			if got := c.Stats(); got.Negatives != 3 || got.Misses != 1 || got.Hits != 0 {
				t.Errorf("got %+v, want a miss and 3 negatives", got)
			}
			now = now.Add(champions.AbsentTime)
			if ask() == 0 {
				t.Errorf("made no request to MLflow after %s", champions.AbsentTime)
			}
		})
	}
	t.Run("found once it exists", func(t *testing.T) {
		c := w.newCache(champions.Options{})
		now := time.Now()
		c.SetNow(func() time.Time { return now })
		if _, err := c.Version(t.Context(), w.Model, "1"); !errors.Is(err, registry.ErrNotExist) {
			t.Fatalf("got %v, want ErrNotExist", err)
		}
		w.MustRegister(1)
		now = now.Add(champions.AbsentTime)
		if s, err := c.Version(t.Context(), w.Model, "1"); err != nil || s.Version.Number != "1" {
			t.Errorf("got %+v, %v; want version 1", s, err)
		}
	})
}

// A champion is served as soon as it is promoted, even if its number was requested before it existed.
func TestCache_servesAChampionThatWasAbsent(t *testing.T) {
	w := newWorld(t)
	c := w.newCache(champions.Options{})
	for _, ref := range []string{"1", ""} {
		if _, err := c.Version(t.Context(), w.Model, ref); !errors.Is(err, registry.ErrNotExist) {
			t.Fatalf("%q: got %v, want ErrNotExist", ref, err)
		}
	}
	w.MustRegister(1)
	w.MustPromote("1", 0)
	if err := c.Refresh(t.Context(), w.Model); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"1", ""} {
		if s, err := c.Version(t.Context(), w.Model, ref); err != nil || s.Version.Number != "1" {
			t.Errorf("%q: got %+v, %v; want version 1", ref, s, err)
		}
	}
}

func TestCache_limitsAbsentVersions(t *testing.T) {
	w := newWorld(t)
	c := w.newCache(champions.Options{})
	w.LabProxy.All(testenv.Missing)
	for i := range champions.AbsentCount + 10 {
		if _, err := c.Version(t.Context(), w.Model, strconv.Itoa(i+1)); !errors.Is(err, registry.ErrNotExist) {
			t.Fatalf("got %v, want ErrNotExist", err)
		}
	}
	if n := c.Absent(); n != champions.AbsentCount {
		t.Errorf("remembers %d, want %d", n, champions.AbsentCount)
	}
}

// sizeOf returns the size of a version in a cache.
func (w *world) sizeOf(number string) int64 {
	w.t.Helper()
	c := w.newCache(champions.Options{})
	if _, err := c.Version(w.t.Context(), w.Model, number); err != nil {
		w.t.Fatal(err)
	}
	return c.Stats().VersionBytes
}

// downloads requests a version from a cache and returns how many artifacts the cache downloads.
func (w *world) downloads(c *champions.Cache, number string) int {
	w.t.Helper()
	w.LabProxy.Drain()
	if _, err := c.Version(w.t.Context(), w.Model, number); err != nil {
		w.t.Fatal(err)
	}
	return testenv.CountRequests(w.LabProxy.Drain(), "GET", "/artifacts/model.json")
}

func TestCache_keepsTheMostRecentlyUsed(t *testing.T) {
	w := newWorld(t)
	for seed := range 3 {
		w.MustRegister(uint64(seed))
	}
	size := max(w.sizeOf("1"), w.sizeOf("2"), w.sizeOf("3"))
	for _, test := range []struct {
		name  string
		bytes int64
		asked []string
		want  []int // downloads
	}{
		{"room for two", 2*size + size/2, []string{"1", "2", "1", "3", "1", "2", "2"}, []int{1, 1, 0, 1, 0, 1, 0}},
		{"room for all", 4 * size, []string{"1", "2", "3", "1", "2", "3"}, []int{1, 1, 1, 0, 0, 0}},
		{"none fits", 1, []string{"1", "1", "2", "2", "1"}, []int{1, 0, 1, 0, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.newCache(champions.Options{Bytes: test.bytes})
			for i, number := range test.asked {
				if got := w.downloads(c, number); got != test.want[i] {
					t.Errorf("step %d, version %s: %d downloads, want %d", i, number, got, test.want[i])
				}
				if st := c.Stats(); st.VersionBytes > test.bytes && st.Versions > 1 || st.VersionBytes < int64(st.Versions)*size/2 {
					t.Errorf(
						"step %d: keeps %d versions of %d bytes, want at most %d bytes",
						i,
						st.Versions,
						st.VersionBytes,
						test.bytes,
					)
				}
			}
		})
	}
}

// A champion stays in memory and does not count. The champion before it is kept as long as it fits.
func TestCache_pinsChampions(t *testing.T) {
	w := newWorld(t)
	for seed := range 3 {
		w.MustRegister(uint64(seed))
	}
	w.MustPromote("1", 0)
	c := w.newCache(champions.Options{Bytes: 1})
	refresh := func() *champions.Served {
		t.Helper()
		if err := c.Refresh(t.Context(), w.Model); err != nil {
			t.Fatal(err)
		}
		return c.Champion(w.Model)
	}
	champion := refresh()
	if st := c.Stats(); st.Champions != 1 || st.ChampionBytes == 0 || st.Versions != 0 || st.VersionBytes != 0 ||
		st.Loaded != 1 {
		t.Errorf("got %+v, want one champion and no other version", st)
	}
	for _, number := range []string{"2", "3", "2"} {
		if w.downloads(c, number) != 1 {
			t.Errorf("version %s was in memory, but only the champion fits", number)
		}
	}
	if w.downloads(c, "1") != 0 || c.Champion(w.Model) != champion || !c.Holds(champion) {
		t.Error("the champion was evicted")
	}
	w.MustPromote("2", 1)
	next := refresh()
	if w.downloads(c, "1") != 0 || !c.Holds(champion) || !c.Holds(next) {
		t.Error("the champion before was not kept")
	}
	if w.downloads(c, "3") != 1 || c.Holds(champion) {
		t.Error("the champion before was kept beyond the limit")
	}
	w.LabProxy.All(testenv.Refuse)
	if err := c.Refresh(t.Context(), w.Model); err == nil {
		t.Error("refreshed without MLflow")
	}
	w.LabProxy.Decide(nil)
	if st := c.Stats(); st.Champions != 1 || st.Loaded != 2 {
		t.Errorf("got %+v, want one champion, the second that was loaded", st)
	}
}

func TestCache_concurrentRequestsShareOneLoad(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	c := w.newCache(champions.Options{})
	asked := make(chan struct{})
	w.LabProxy.OnAnswer("/artifacts/model.json", func() { <-asked })
	var all, first sync.WaitGroup
	got := make([]*champions.Served, 50)
	for i := range got {
		first.Add(1)
		all.Go(func() {
			first.Done()
			s, err := c.Version(t.Context(), w.Model, "1")
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
	if n := testenv.CountRequests(w.LabProxy.Drain(), "GET", "/artifacts/model.json"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

// The load continues for the others if the first request is canceled.
func TestCache_firstRequestIsCanceled(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	c := w.newCache(champions.Options{})
	reached, resume := make(chan struct{}), make(chan struct{})
	w.LabProxy.OnAnswer("/artifacts/model.json", func() { close(reached); <-resume })
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := c.Version(ctx, w.Model, "1")
		gaveUp <- err
	}()
	<-reached
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(resume)
	if s, err := c.Version(t.Context(), w.Model, "1"); err != nil || s.Version.Number != "1" {
		t.Errorf("got %+v, %v; want version 1", s, err)
	}
	if n := testenv.CountRequests(w.LabProxy.Drain(), "GET", "/artifacts/model.json"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}
