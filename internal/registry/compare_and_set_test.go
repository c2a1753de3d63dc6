package registry_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

// threeVersions returns a world with three versions, the first of which is the champion.
func threeVersions(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for seed := range 3 {
		w.MustRegister(uint64(seed))
	}
	w.MustPromote("1", 0)
	return w
}

// hold stops the nth request that matches at a proxy. It returns when the request is there, and the returned function
// lets it pass.
func hold(p *testenv.Proxy, n int32, match func(*http.Request) bool) (reached chan struct{}, release func()) {
	reached, resume := make(chan struct{}), make(chan struct{})
	var seen atomic.Int32
	p.Decide(func(r *http.Request) testenv.Fate {
		if match(r) && seen.Add(1) == n {
			close(reached)
			<-resume
		}
		return testenv.Pass
	})
	return reached, sync.OnceFunc(func() { close(resume) })
}

func setsAlias(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/registered-models/alias")
}

func writesIndex(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, objstore.ChampionsKey)
}

// wantHistory asserts the promotions of the model, oldest first.
func (w *world) wantHistory(want ...string) {
	w.t.Helper()
	var got []string
	for _, e := range slices.Backward(w.history()) {
		got = append(got, e.From+"→"+e.To+" by "+e.Actor)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("got history %q, want %q", got, want)
	}
}

// wantChampion asserts the champion of the registry and the alias in MLflow.
func (w *world) wantChampion(number string) {
	w.t.Helper()
	if got := w.alias("champion"); got != number {
		w.t.Errorf("got alias champion %q, want %q", got, number)
	}
	v, err := w.Champion(w.t.Context(), w.Model)
	if number == "" && errors.Is(err, registry.ErrNotExist) {
		return
	}
	if err != nil || v.Number != number {
		w.t.Errorf("got champion %q, %v; want %q", v.Number, err, number)
	}
}

func (w *world) reconcile() {
	w.t.Helper()
	if _, err := w.ReconcileChampions(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// A worker is frozen before it writes the index, and wakes after a later promotion.
func TestPromote_frozenBeforeTheIndex(t *testing.T) {
	w := threeVersions(t)
	reached, release := hold(w.S3Proxy, 1, writesIndex)
	defer release()
	frozen := make(chan error, 1)
	go func() {
		p := w.Promotion("2", 1)
		p.Expected = new("1")
		_, err := w.Promote(t.Context(), p)
		frozen <- err
	}()
	<-reached
	if _, err := w.Direct().Promote(t.Context(), w.Promotion("3", 2)); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-frozen; !errors.Is(err, registry.ErrChampionChanged) {
		t.Errorf("got %v, want ErrChampionChanged", err)
	}
	w.wantChampion("3")
	w.wantHistory("→1 by ada", "1→3 by ada")
}

// A worker is frozen before it moves the alias. It wakes after a later promotion, and its context has ended.
func TestPromote_frozenBeforeTheAlias(t *testing.T) {
	w := threeVersions(t)
	reached, release := hold(w.LabProxy, 2, setsAlias) // previous comes first
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	frozen := make(chan error, 1)
	go func() {
		_, err := w.Promote(ctx, w.Promotion("2", 1))
		frozen <- err
	}()
	<-reached
	if _, err := w.Direct().Promote(t.Context(), w.Promotion("3", 2)); err != nil {
		t.Fatal(err)
	}
	cancel()
	release()
	if err := <-frozen; err != nil {
		t.Errorf("got %v, want nil: the promotion did happen", err)
	}
	w.wantChampion("3")
	w.wantHistory("→1 by ada", "1→2 by ada", "2→3 by ada")
}

// An alias arrives in MLflow long after its promotion, and its process is dead.
func TestReconcile_lateAlias(t *testing.T) {
	w := threeVersions(t)
	w.MustPromote("2", 1)
	w.MustPromote("3", 2)
	for _, late := range []string{"1", "2"} {
		w.MoveAlias(late)
		w.reconcile()
		w.wantChampion("3")
	}
	w.wantHistory("→1 by ada", "1→2 by ada", "2→3 by ada")
	w.Advance(registry.LateTime)
	w.MoveAlias("1") // this is a person
	w.reconcile()
	w.wantChampion("1")
	w.wantHistory("→1 by ada", "1→2 by ada", "2→3 by ada", "3→1 by mlflow")
}

func TestPromote_concurrently(t *testing.T) {
	w := threeVersions(t)
	won := make(chan string, 4)
	var all sync.WaitGroup
	for i := range cap(won) {
		all.Go(func() {
			p := w.Promotion([]string{"2", "3"}[i%2], i+1)
			p.Expected = new("1")
			_, err := w.Direct().Promote(t.Context(), p)
			if err == nil {
				won <- p.Version
			} else if !errors.Is(err, registry.ErrChampionChanged) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(won)
	var winners []string
	for version := range won {
		winners = append(winners, version)
	}
	if len(winners) != 1 {
		t.Fatalf("%q were promoted over version 1, want one of them", winners)
	}
	w.wantChampion(winners[0])
	w.wantHistory("→1 by ada", "1→"+winners[0]+" by ada")
}

func TestPromote_aliasMovedByHand(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		w := threeVersions(t)
		w.reconcile()
		w.MoveAlias("3")
		p := w.Promotion("2", 1)
		p.Expected = new("1")
		e, err := w.Promote(t.Context(), p)
		if !errors.Is(err, registry.ErrChampionChanged) || e.From != "3" {
			t.Errorf("got %+v, %v; want ErrChampionChanged, from 3", e, err)
		}
		w.wantChampion("3")
		w.wantHistory("→1 by ada", "1→3 by mlflow")
	})
	t.Run("between check and move", func(t *testing.T) {
		w := threeVersions(t)
		w.LabProxy.OnAnswer("/registered-models/alias", func() { w.MoveAlias("3") })
		if _, err := w.Promote(t.Context(), w.Promotion("2", 1)); err != nil {
			t.Error(err)
		}
		w.wantChampion("3")
		w.wantHistory("→1 by ada", "1→2 by ada", "2→3 by mlflow")
	})
}

// A process dies after it has written the index.
func TestPromote_diesAfterTheIndex(t *testing.T) {
	die := func(t *testing.T) *world {
		t.Helper()
		w := threeVersions(t)
		w.reconcile()
		w.S3Proxy.RefuseIf(func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/history/")
		})
		if _, err := w.Promote(t.Context(), w.Promotion("2", 1)); !errors.Is(err, registry.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		w.S3Proxy.Decide(nil)
		if got := w.alias("champion"); got != "1" {
			t.Fatalf("got alias %s, want 1: the test is of no use", got)
		}
		return w
	}
	t.Run("a reader", func(t *testing.T) { die(t).wantHistory("→1 by ada", "1→2 by ada") })
	t.Run("the next promotion", func(t *testing.T) {
		w := die(t)
		w.MustPromote("3", 2)
		w.wantMoved("3", "2", 3)
		w.wantHistory("→1 by ada", "1→2 by ada", "2→3 by ada")
	})
	t.Run("reconciled", func(t *testing.T) {
		w := die(t)
		w.reconcile()
		w.wantMoved("2", "1", 2)
		w.wantHistory("→1 by ada", "1→2 by ada")
	})
}

// The index of an installation that had none takes the aliases in MLflow as they are.
func TestIndex_ofAnOlderInstallation(t *testing.T) {
	t.Run("the first promotion", func(t *testing.T) {
		w := newWorld(t)
		w.MustRegister(1)
		w.MustRegister(2)
		w.deleteIndex()
		w.MoveAlias("1")
		p := w.Promotion("2", 0)
		p.Expected = new("1")
		if _, err := w.Promote(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		w.wantMoved("2", "1", 1)
	})
	t.Run("the first look", func(t *testing.T) {
		w := newWorld(t)
		v := w.MustRegister(1)
		w.MustRegister(2)
		w.deleteIndex()
		w.MoveAlias("1")
		champions, mark, err := w.Champions(t.Context(), "")
		want := registry.VersionKey{Model: w.Model, Number: "1", RunID: v.RunID}
		if err != nil || champions[w.Model] != want {
			t.Errorf("got %+v, %v; want %+v", champions[w.Model], err, want)
		}
		if _, _, err := w.Champions(t.Context(), mark); !errors.Is(err, registry.ErrNotModified) {
			t.Errorf("got %v, want ErrNotModified", err)
		}
		w.reconcile()
		w.wantHistory()
	})
	// Version 0.1.0 wrote the entry first. Its worker may have died before it moved the alias.
	t.Run("an unfinished promotion", func(t *testing.T) {
		w := threeVersions(t)
		p := w.Promotion("2", 1)
		e := registry.Entry{At: p.At, Model: w.Model, From: "1", To: "2", Actor: p.Actor, TaskID: p.TaskID}
		if _, err := w.Store.PutJSON(t.Context(), w.Bucket, e.Key(), e); err != nil {
			t.Fatal(err)
		}
		w.deleteIndex()
		got, err := w.Promote(t.Context(), p)
		if err != nil || got.From != "1" || !got.At.Equal(p.At) {
			t.Errorf("got %+v, %v; want the entry of the first attempt", got, err)
		}
		w.wantMoved("2", "1", 2)
	})
}

func TestReconcile(t *testing.T) {
	prepare := func(t *testing.T) *world {
		w := threeVersions(t)
		w.reconcile()
		w.Advance(registry.LateTime)
		return w
	}
	t.Run("moved", func(t *testing.T) {
		w := prepare(t)
		w.MoveAlias("2")
		w.reconcile()
		w.reconcile()
		w.wantMoved("2", "1", 2)
		w.wantHistory("→1 by ada", "1→2 by mlflow")
		w.MoveAlias("1")
		w.reconcile()
		w.wantHistory("→1 by ada", "1→2 by mlflow", "2→1 by mlflow")
	})
	t.Run("removed", func(t *testing.T) {
		w := prepare(t)
		w.MoveAlias("")
		w.reconcile()
		w.wantChampion("")
		w.wantHistory("→1 by ada", "1→ by mlflow")
		w.MoveAlias("1")
		w.reconcile()
		w.wantChampion("1")
		w.wantHistory("→1 by ada", "1→ by mlflow", "→1 by mlflow")
	})
	t.Run("the champion is deleted", func(t *testing.T) {
		w := prepare(t)
		w.DeleteVersion("1")
		w.reconcile()
		w.wantChampion("")
		w.wantHistory("→1 by ada", "1→ by mlflow")
		if got := w.history()[0].Reason; got != "version 1 was deleted in MLflow" {
			t.Errorf("got reason %q", got)
		}
		w.MustPromote("2", 9)
		w.wantChampion("2")
	})
	t.Run("the model is deleted", func(t *testing.T) {
		w := prepare(t)
		if err := w.DeleteModel(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.reconcile()
		champions, _, err := w.Champions(t.Context(), "")
		if _, has := champions[w.Model]; has || err != nil {
			t.Errorf("got %v, %v; want no champion of a model that is gone", champions, err)
		}
		if _, err := w.Store.Stat(
			t.Context(),
			w.Bucket,
			objstore.ModelSchemaKey(w.Model),
		); !errors.Is(
			err,
			objstore.ErrNotExist,
		) {
			t.Errorf("the schema: got %v, want ErrNotExist", err)
		}
		w.wantHistory("→1 by ada", "1→ by mlflow")
	})
	t.Run("a version that cannot be loaded", func(t *testing.T) {
		w := prepare(t)
		w.RegisterForeign()
		w.MoveAlias("4")
		w.reconcile()
		w.MustPromote("2", 9)
		w.wantHistory("→1 by ada", "1→4 by mlflow", "4→2 by ada")
	})
	t.Run("by several processes", func(t *testing.T) {
		w := prepare(t)
		w.MoveAlias("3")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := w.Direct().ReconcileChampions(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.wantChampion("3")
		w.wantHistory("→1 by ada", "1→3 by mlflow")
	})
}

// A model that was deleted and made anew has nothing of the old one, even if nobody reconciled in between.
func TestPromote_modelMadeAnew(t *testing.T) {
	w := threeVersions(t)
	if err := w.DeleteModel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Schema(t.Context(), w.Model); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("the schema of the deleted model: got %v, want ErrNotExist", err)
	}
	c := w.otherCandidate(7)
	if _, err := w.Register(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Schema(t.Context(), w.Model); err != nil || len(s.Features) != 1 {
		t.Errorf("got schema %+v, %v; want that of the new model", s, err)
	}
	w.wantChampion("")
	p := w.Promotion("1", 5)
	p.Expected = new("")
	if _, err := w.Promote(t.Context(), p); err != nil {
		t.Error(err)
	}
	if v, err := w.Champion(t.Context(), w.Model); err != nil || v.RunID != c.RunID {
		t.Errorf("got champion %+v, %v; want the new version 1", v, err)
	}
	w.wantHistory("→1 by ada", "1→ by mlflow", "→1 by ada")
}

func TestAlive(t *testing.T) {
	w := newWorld(t)
	one, two := w.MustRegister(1), w.MustRegister(2)
	w.DeleteVersion("1")
	key := func(v registry.Version) registry.VersionKey {
		return registry.VersionKey{Model: v.Model, Number: v.Number, RunID: v.RunID}
	}
	alive, err := w.Alive(t.Context(), []registry.VersionKey{key(one), key(two), {Model: w.Model, Number: "2"}})
	if err != nil || len(alive) != 1 || !alive[key(two)] {
		t.Errorf("got %v, %v; want version 2 only", alive, err)
	}
}
