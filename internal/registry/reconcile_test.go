package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/internal/testenv"
)

// once gives the next request that creates something at a path a fate, and passes all others.
func once(path string, fate testenv.Fate) func(*http.Request) testenv.Fate {
	done := false
	return func(r *http.Request) testenv.Fate {
		if done || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
			return testenv.Pass
		}
		done = true
		return fate
	}
}

func trained(c registry.Candidate, number string) registry.Trained {
	return registry.Trained{Model: c.Model, ExperimentID: c.ExperimentID, RunID: c.RunID, Version: number}
}

// MLflow acts on a create after the client has given up on it, and after the next attempt has created another one.
func TestRegister_lateCreate(t *testing.T) {
	for _, path := range []string{"/logged-models", "/model-versions/create"} {
		for _, known := range []bool{true, false} {
			name := path + ", the version is known"
			if !known {
				name = path + ", the version is not known"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				c := w.Candidate(1)
				w.LabProxy.Decide(once(path, testenv.Late))
				if _, err := w.Register(t.Context(), c); !errors.Is(err, registry.ErrUnavailable) {
					t.Fatalf("got %v, want ErrUnavailable", err)
				}
				v, err := w.Register(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				w.LabProxy.Release()
				versions, err := w.Versions(t.Context(), w.Model)
				if err != nil {
					t.Fatal(err)
				}
				if things := len(versions) + w.loggedModels(c); things != 3 {
					t.Fatalf("MLflow has %d versions and logged models, want 3 after the late create", things)
				}
				number := ""
				if known {
					number = v.Number
				}
				for range 2 { // the second time finds nothing to do
					if err := w.Reconcile(t.Context(), trained(c, number)); err != nil {
						t.Fatal(err)
					}
				}
				w.wantOne(c, v)
				again, err := w.Register(t.Context(), c)
				if err != nil || again.Number != v.Number {
					t.Errorf("registered again: version %s, %v; want %s", again.Number, err, v.Number)
				}
			})
		}
	}
}

// MLflow acts on the first create just before the second one: the second attempt sees both.
func TestRegister_lateCreateBetweenLookAndCreate(t *testing.T) {
	for path, find := range map[string]string{
		"/logged-models": "/logged-models/search", "/model-versions/create": "/registered-models/get",
	} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			c := w.Candidate(1)
			w.LabProxy.Decide(once(path, testenv.Late))
			if _, err := w.Register(t.Context(), c); !errors.Is(err, registry.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", err)
			}
			w.LabProxy.OnAnswer(find, w.LabProxy.Release)
			v, err := w.Register(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			w.wantOne(c, v)
		})
	}
}

// A worker is frozen in the middle of Register. It wakes after another attempt has registered the run, and its context
// ends before MLflow answers its create.
func TestRegister_frozen(t *testing.T) {
	for _, at := range []string{"/runs/outputs", "/model-versions/create"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t)
			c := w.Candidate(1)
			reached, release := hold(w.LabProxy, 1, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, at) })
			defer release()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.LabProxy.OnAnswer("/model-versions/create", cancel) // only the frozen worker uses the proxy
			frozen := make(chan error, 1)
			go func() {
				_, err := w.Register(ctx, c)
				frozen <- err
			}()
			<-reached
			v, err := w.Direct().Register(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			release()
			if err := <-frozen; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want nil or the end of the context", err)
			}
			w.wantOne(c, v)
		})
	}
}

// Another attempt deletes the logged model while this one uploads to it. The next attempt starts anew.
func TestRegister_loggedModelIsDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	w.LabProxy.Decide(func(r *http.Request) testenv.Fate {
		if r.Method == http.MethodPatch {
			if err := w.Lab.DeleteLoggedModel(t.Context(), path.Base(r.URL.Path)); err != nil {
				t.Error(err)
			}
		}
		return testenv.Pass
	})
	if _, err := w.Register(t.Context(), c); !errors.Is(err, registry.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable: a retry repairs it", err)
	}
	w.LabProxy.Decide(nil)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.wantOne(c, v)
}

// A duplicate that was promoted by hand stays, because predictions and the history name it.
func TestReconcile_keepsAChampion(t *testing.T) {
	for name, promote := range map[string]func(*world) error{
		"by an alias": func(w *world) error { return w.Lab.SetAlias(t.Context(), w.Model, "champion", "2") },
		"by a promotion that is under way": func(w *world) error {
			w.S3Proxy.RefuseIf(func(r *http.Request) bool {
				return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/history/")
			})
			defer w.S3Proxy.Decide(nil)
			if _, err := w.Promote(t.Context(), w.Promotion("2", 0)); !errors.Is(err, registry.ErrUnavailable) {
				return fmt.Errorf("promote: %w, want ErrUnavailable", err)
			}
			return nil
		},
		"by a promotion that was undone": func(w *world) error {
			w.MustPromote("2", 0)
			w.MustPromote("1", 1)
			return w.Lab.DeleteAlias(t.Context(), w.Model, "previous")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.Candidate(1)
			v, err := w.Register(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			original, err := w.Lab.GetVersion(t.Context(), w.Model, v.Number)
			if err != nil {
				t.Fatal(err)
			}
			duplicate, err := w.Lab.CreateVersion(t.Context(), mlflow.NewVersion{
				Name: w.Model, RunID: c.RunID, LoggedModelID: v.LoggedModelID, Tags: original.Tags,
			})
			if err != nil || duplicate.Version != "2" {
				t.Fatalf("created version %s, %v", duplicate.Version, err)
			}
			if err := promote(w); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time finds nothing to do
				if err := w.Reconcile(t.Context(), trained(c, v.Number)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := w.Lab.GetVersion(t.Context(), w.Model, "2")
			if err != nil || got.Tags[mlflow.DuplicateTag] != "1" {
				t.Errorf("version 2 has the tags %v (%v), want it there and marked as a duplicate of 1", got.Tags, err)
			}
		})
	}
}

func TestReconcile_refuses(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []registry.Trained{{Model: "' or", RunID: strings.Repeat("a", 32)}, {Model: "m", RunID: "' or"}} {
		if err := w.Reconcile(t.Context(), bad); !errors.Is(err, registry.ErrBadReference) {
			t.Errorf("%+v: got %v, want ErrBadReference", bad, err)
		}
	}
}
