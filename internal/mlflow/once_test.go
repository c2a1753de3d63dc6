package mlflow_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
	"iris/internal/testenv"
)

// proxied returns a world, and a client that reaches its MLflow through a proxy.
func proxied(t *testing.T) (world, *testenv.Proxy, *mlflow.Client) {
	t.Helper()
	proxy, client := testenv.MLflowProxy(t)
	return newWorld(t), proxy, client
}

// fateOf gives the next request whose path has a suffix a fate, and passes all others.
func fateOf(suffix string, fate testenv.Fate) func(*http.Request) testenv.Fate {
	return func(r *http.Request) testenv.Fate {
		if fate != testenv.Pass && strings.HasSuffix(r.URL.Path, suffix) {
			now := fate
			fate = testenv.Pass
			return now
		}
		return testenv.Pass
	}
}

// kind is a kind of thing that MLflow would create twice.
type kind struct {
	name, path string
	ensure     func(*mlflow.Client) (string, error)
	reconcile  func(*mlflow.Client, string) error
	list       func(*mlflow.Client) ([]string, error) // that are left and not marked as duplicates
}

func kinds(t *testing.T, w world) []kind {
	t.Helper()
	start := time.Now()
	tagged := mlflow.NewRun{ExperimentID: w.experiment, Name: "once", Tags: map[string]string{"task": w.name}}
	source := w.run(t)
	logged := mlflow.NewLoggedModel{ExperimentID: w.experiment, Name: "model", RunID: source.ID}
	return []kind{
		{
			"run", "/runs/create",
			func(c *mlflow.Client) (string, error) {
				n := tagged
				n.Start, start = start, start.Add(time.Second) // a later attempt says a later start
				run, err := c.EnsureRun(t.Context(), n, "task")
				return run.ID, err
			},
			func(c *mlflow.Client, keep string) error {
				return c.DeleteDuplicateRuns(t.Context(), w.experiment, "task", w.name, keep)
			},
			func(c *mlflow.Client) ([]string, error) {
				runs, err := c.FindRuns(t.Context(), w.experiment, "task", w.name)
				var ids []string
				for _, run := range runs {
					if run.Tags[mlflow.DuplicateTag] == "" {
						ids = append(ids, run.ID)
					} else if run.Status != mlflow.RunKilled {
						t.Errorf("run %+v, want a duplicate to be killed", run)
					}
				}
				return ids, err
			},
		},
		{
			"logged model", "/logged-models",
			func(c *mlflow.Client) (string, error) {
				m, err := c.EnsureLoggedModel(t.Context(), logged)
				return m.ID, err
			},
			func(c *mlflow.Client, _ string) error {
				_, err := c.EnsureLoggedModel(t.Context(), logged)
				return err
			},
			func(c *mlflow.Client) ([]string, error) {
				models, err := c.FindLoggedModels(t.Context(), w.experiment, source.ID)
				var ids []string
				for _, m := range models {
					ids = append(ids, m.ID)
				}
				return ids, err
			},
		},
	}
}

// wantOne wants one thing of a kind: the one that the task uses.
func (k kind) wantOne(t *testing.T, c *mlflow.Client, id string) {
	t.Helper()
	if ids := must(k.list(c))(t); !slices.Equal(ids, []string{id}) {
		t.Errorf("%s: MLflow has %v, want only %s", k.name, ids, id)
	}
}

// MLflow acts on the first request after the client has given up on it and has created another one.
func TestOnce_lateCreate(t *testing.T) {
	w, proxy, c := proxied(t)
	for _, k := range kinds(t, w) {
		t.Run(k.name, func(t *testing.T) {
			proxy.Decide(fateOf(k.path, testenv.Late))
			if _, err := k.ensure(c); !errors.Is(err, mlflow.ErrUnavailable) {
				t.Fatalf("first attempt: %v, want ErrUnavailable", err)
			}
			id := must(k.ensure(c))(t)
			proxy.Release()
			if ids := must(k.list(c))(t); len(ids) != 2 {
				t.Fatalf("MLflow has %v, want two after the late create", ids)
			}
			if k.name == "run" { // as the task does with the run that it knows
				batch := mlflow.Batch{Params: map[string]string{"used": "yes"}}
				if err := c.LogBatch(t.Context(), id, batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := k.reconcile(c, id); err != nil {
				t.Fatal(err)
			}
			k.wantOne(t, c, id)
			if again := must(k.ensure(c))(t); again != id {
				t.Errorf("a later look finds %s, want %s", again, id)
			}
		})
	}
}

// The first attempt still waits for its answer while a second one creates another. Both attempts end with the same one.
func TestOnce_twoAttemptsAtATime(t *testing.T) {
	w, proxy, c := proxied(t)
	for _, k := range kinds(t, w) {
		t.Run(k.name, func(t *testing.T) {
			proxy.Decide(fateOf(k.path, testenv.Hold))
			type result struct {
				id  string
				err error
			}
			first := make(chan result, 1)
			go func() {
				id, err := k.ensure(c)
				first <- result{id, err}
			}()
			<-proxy.Holding()
			second := must(k.ensure(c))(t)
			if k.name == "run" {
				batch := mlflow.Batch{Params: map[string]string{"used": "yes"}}
				if err := c.LogBatch(t.Context(), second, batch); err != nil {
					t.Fatal(err)
				}
			}
			proxy.Release()
			if got := <-first; got.err != nil || got.id != second {
				t.Errorf("the first attempt returns %+v, want %s as the second", got, second)
			}
			k.wantOne(t, c, second)
		})
	}
}

// MLflow acts on a request, and its answer never arrives.
func TestOnce_lostAnswer(t *testing.T) {
	w, proxy, c := proxied(t)
	for _, k := range kinds(t, w) {
		t.Run(k.name, func(t *testing.T) {
			proxy.Decide(fateOf(k.path, testenv.Cut))
			if _, err := k.ensure(c); !errors.Is(err, mlflow.ErrUnavailable) {
				t.Fatalf("first attempt: %v, want ErrUnavailable", err)
			}
			k.wantOne(t, c, must(k.ensure(c))(t))
		})
	}
}

func TestDeleteDuplicateRuns_keepsTheDeletedOnesTag(t *testing.T) {
	w := newWorld(t)
	n := mlflow.NewRun{ExperimentID: w.experiment, Start: time.Now(), Tags: map[string]string{"task": "t"}}
	kept, other := must(w.CreateRun(t.Context(), n))(t), must(w.CreateRun(t.Context(), n))(t)
	for range 2 { // the second call finds nothing to do
		if err := w.DeleteDuplicateRuns(t.Context(), w.experiment, "task", "t", kept.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(w.GetRun(t.Context(), other.ID))(t); got.Tags[mlflow.DuplicateTag] != kept.ID ||
		got.Status != mlflow.RunKilled {
		t.Errorf("the deleted run is %+v, want it killed and marked as a duplicate of %s", got, kept.ID)
	}
	if err := w.DeleteRun(t.Context(), other.ID); err != nil {
		t.Errorf("deleted again: %v", err)
	}
}

func TestDelete_missing(t *testing.T) {
	w := newWorld(t)
	if err := w.DeleteLoggedModel(t.Context(), "m-"+strings.Repeat("0", 32)); err != nil {
		t.Errorf("a missing logged model: %v, want no error", err)
	}
	if err := w.DeleteVersion(t.Context(), w.name, "1"); err != nil {
		t.Errorf("a missing version: %v, want no error", err)
	}
}

func TestMetricHistory(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	if points := must(w.MetricHistory(t.Context(), run.ID, "loss"))(t); len(points) != 0 {
		t.Errorf("a curve that nobody has logged has %v, want nothing", points)
	}
	want := []mlflow.Metric{
		{Key: "loss", Value: 1.5, Time: time.UnixMilli(1).UTC(), Step: 0},
		{Key: "loss", Value: 0.5, Time: time.UnixMilli(1).UTC(), Step: 7},
	}
	if err := w.LogBatch(t.Context(), run.ID, mlflow.Batch{Metrics: want}); err != nil {
		t.Fatal(err)
	}
	if points := must(w.MetricHistory(t.Context(), run.ID, "loss"))(t); !slices.Equal(points, want) {
		t.Errorf("points %+v, want %+v", points, want)
	}
}
