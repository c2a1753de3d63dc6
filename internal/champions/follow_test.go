package champions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestCache_corruptChampionIsRetried(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	broken := w.MustRegister(2)
	w.MustRegister(3)
	w.MustPromote("1", 0)
	f := w.follow()
	f.rest()
	w.MustPromote("2", 1)
	w.Overwrite(broken, "model.json", []byte("{}"))
	w.LabProxy.Drain()
	tries := func(polls int) (tries []int) {
		for i := range polls {
			f.poll()
			if testenv.CountRequests(w.LabProxy.Drain(), "GET", "/artifacts/model.json") > 0 {
				tries = append(tries, i)
			}
			f.wantServed(w.Model, "1")
		}
		return tries
	}
	// Polls continue. The download is retried after 2, 4, 8 polls and then every 10 polls.
	if got, want := tries(36), []int{0, 2, 6, 14, 24, 34}; !slices.Equal(got, want) {
		t.Errorf("tried in polls %v, want %v", got, want)
	}
	if err := f.Check(); err != nil {
		t.Errorf("got %v, want nil: the registry answers", err)
	}
	if err := f.Refresh(t.Context(), w.Model); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("refresh: got %v, want ErrCorrupt", err)
	}
	f.wantServed(w.Model, "1")
	if !strings.Contains(f.log.String(), "cannot load the champion") {
		t.Errorf("got log %s, want the error in it", f.log)
	}
	w.MustPromote("3", 2) // another champion is loaded in the next poll
	f.poll()
	f.wantServed(w.Model, "3")
}

func TestCache_corruptChampionDoesNotDelayOthers(t *testing.T) {
	w := newWorld(t)
	other := w.another()
	broken := w.MustRegister(1)
	w.MustPromote("1", 0)
	w.Overwrite(broken, "model.json", []byte("{}"))
	other.MustRegister(1)
	other.MustPromote("1", 0)
	f := w.follow()
	if pause := f.rest(); pause != time.Second {
		t.Errorf("got a pause of %s, want 1s", pause)
	}
	f.wantServed(w.Model, "")
	f.wantServed(other.Model, "1")
}

func TestCache_foreignChampionIsNotRetried(t *testing.T) {
	w := newWorld(t)
	w.RegisterForeign()
	if err := w.Lab.SetAlias(t.Context(), w.Model, "champion", "1"); err != nil {
		t.Fatal(err)
	}
	f := w.follow()
	for range 20 {
		f.rest()
		f.wake <- struct{}{}
	}
	f.rest()
	f.wantServed(w.Model, "")
	if n := testenv.CountRequests(w.LabProxy.Drain(), "GET", "/model-versions/get"); n != 1 {
		t.Errorf("read the version %d times, want once", n)
	}
}

func TestCache_backsOffAndRecovers(t *testing.T) {
	w := newWorld(t)
	f := w.followChampion(2)
	w.MustPromote("2", 1)
	w.S3Proxy.All(testenv.Refuse)
	var pauses []time.Duration
	for range 6 {
		pauses = append(pauses, f.poll()/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 10, 10}; !slices.Equal(pauses, want) {
		t.Errorf("got pauses of %d seconds, want %d", pauses, want)
	}
	if err := f.Check(); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.wantServed(w.Model, "1")
	w.S3Proxy.Decide(nil)
	if pause := f.poll(); pause != time.Second || f.Check() != nil {
		t.Errorf("got a pause of %s and %v, want 1s and nil", pause, f.Check())
	}
	f.wantServed(w.Model, "2")
	w.S3Proxy.All(testenv.Cut)
	if pause := f.poll(); pause != time.Second {
		t.Errorf("the next outage: got a pause of %s, want 1s", pause)
	}
}
