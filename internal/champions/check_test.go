package champions_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/registry"
	"iris/internal/testenv"
)

// An alias that somebody moves in MLflow is served after the next check.
func TestCheck_alias(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(2)
	f.check()
	for _, want := range []string{"2", "1", "", "1"} {
		w.Advance(time.Hour)
		w.MoveAlias(want)
		if pause := f.check(); pause < 2*time.Second || pause > 30*time.Second {
			t.Errorf("got a pause of %s, want 2 s to 30 s", pause)
		}
		f.wantServed(w.Model, want)
	}
	w.Advance(time.Hour)
	w.MoveAlias("2")
	if err := f.Refresh(t.Context(), w.Model); err != nil {
		t.Error(err)
	}
	f.wantServed(w.Model, "2")
	w.Advance(time.Hour)
	w.MoveAlias("")
	if err := f.Refresh(t.Context(), w.Model); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("refresh: got %v, want ErrNotExist", err)
	}
	f.wantServed(w.Model, "")
}

// wantNumbers asserts which versions of the model answer by their number.
func (f *follower) wantNumbers(modelName string, known ...bool) {
	f.t.Helper()
	for i, want := range known {
		_, err := f.Version(f.t.Context(), modelName, strconv.Itoa(i+1))
		if want && err != nil || !want && !errors.Is(err, registry.ErrNotExist) {
			f.t.Errorf("version %d: got %v, want it to exist: %t", i+1, err, want)
		}
	}
}

func TestCheck_deletedVersion(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(3)
	f.wantNumbers(w.Model, true, true, true)
	w.DeleteVersion("2")
	f.check()
	f.wantNumbers(w.Model, true, false, true)
	if st := f.Stats(); st.Versions != 1 {
		t.Errorf("keeps %d versions, want version 3 only", st.Versions)
	}
	w.DeleteVersion("1") // the champion
	f.check()
	f.wantServed(w.Model, "")
	f.wantNumbers(w.Model, false, false, true)
}

func TestCheck_deletedModel(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(3)
	f.wantNumbers(w.Model, true, true, true)
	f.check()
	if !f.Registered().Has(w.Model) {
		t.Error("a model that exists is not registered")
	}
	deleting := time.Now()
	if err := w.DeleteModel(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.check()
	if after := f.Registered(); after.Has(w.Model) || after.At.Before(deleting) {
		t.Errorf("registered at %s: %t, want the models after %s", after.At, after.Has(w.Model), deleting)
	}
	f.wantServed(w.Model, "")
	f.wantNumbers(w.Model, false, false, false)
	if st := f.Stats(); st.Versions != 0 || st.VersionBytes != 0 {
		t.Errorf("got %+v, want nothing of a model that is gone", st)
	}
}

// After a model was deleted and made anew, nothing of the old one answers.
func TestCheck_modelMadeAnew(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(3)
	f.wantNumbers(w.Model, true, true, true)
	if err := w.DeleteModel(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := w.MustRegister(11), w.MustRegister(12)
	f.check()
	f.wantServed(w.Model, "")
	for i, want := range []registry.Version{first, second} {
		s, err := f.Version(t.Context(), w.Model, strconv.Itoa(i+1))
		if err != nil || s.Version.RunID != want.RunID {
			t.Errorf("version %d: got %+v, %v; want run %s", i+1, s, err, want.RunID)
		}
	}
	f.wantNumbers(w.Model, true, true, false)
}

// While MLflow does not answer, checks fail and everything goes on serving.
func TestCheck_outage(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(2)
	f.wantNumbers(w.Model, true, true)
	f.check()
	w.LabProxy.All(testenv.Refuse)
	first, second := f.check(), f.check()
	if first < 4*time.Second || second != min(2*first, 30*time.Second) {
		t.Errorf("got pauses of %s and %s, want them to double", first, second)
	}
	if err := f.Check(); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.wantServed(w.Model, "1")
	f.wantNumbers(w.Model, true, true)
	w.LabProxy.Decide(nil)
	f.check()
	if err := f.Check(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// A check takes two requests, whatever the number of models and versions.
func TestCheck_requests(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(3)
	f.wantNumbers(w.Model, true, true, true)
	f.check() // settles the promotion
	w.LabProxy.Drain()
	f.check()
	got := w.LabProxy.Drain()
	if len(got) != 2 || testenv.CountRequests(got, "GET", "/registered-models/search") != 1 ||
		testenv.CountRequests(got, "GET", "/model-versions/search") != 1 {
		t.Errorf("a check made %v, want two searches", got)
	}
}

// The number of a champion whose model was made anew is never answered by the old version.
func TestCache_numberOfAChampionMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	c := w.newCache(champions.Options{})
	if _, err := c.Version(t.Context(), w.Model, "1"); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteModel(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := w.MustRegister(2)
	w.MustPromote("1", 1)
	if err := c.Refresh(t.Context(), w.Model); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Version(t.Context(), w.Model, "1"); err != nil || s.Version.RunID != again.RunID {
		t.Errorf("got %+v, %v; want run %s", s, err, again.RunID)
	}
}
