package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
	"iris/internal/partition"
	"iris/internal/registry"
	"iris/internal/registry/registrytest"
	"iris/internal/testenv"
)

// wantOne asserts that a run has become one version and one logged model, which is ready and has its files.
func (w *world) wantOne(c registry.Candidate, v registry.Version) {
	w.t.Helper()
	versions, err := w.Lab.SearchVersions(w.t.Context(), "name='"+w.Model+"'")
	if err != nil || len(versions) != 1 {
		w.t.Fatalf("got %d versions (%v), want 1", len(versions), err)
	}
	logged, err := w.Lab.FindLoggedModel(w.t.Context(), c.ExperimentID, c.RunID)
	if err != nil {
		w.t.Fatal(err)
	}
	if logged.ID != v.LoggedModelID || logged.Status != mlflow.LoggedModelReady {
		w.t.Errorf("got logged model %s %s, want %s, ready", logged.ID, logged.Status, v.LoggedModelID)
	}
	if n := w.loggedModels(c); n != 1 {
		w.t.Errorf("got %d logged models, want 1", n)
	}
	if _, err := w.Load(w.t.Context(), v); err != nil {
		w.t.Errorf("load: %v", err)
	}
	for name, want := range map[string]string{
		"note.txt": "made by a test", "model.onnx": "a graph",
		"MLmodel": `model_id: "` + logged.ID + "\"\nmodel_uuid: \"" + logged.ID + "\"\nrun_id: \"" + c.RunID + `"`,
	} {
		body, err := w.Lab.GetArtifact(w.t.Context(), logged.ArtifactURI, name)
		if err != nil {
			w.t.Fatal(err)
		}
		if got, err := io.ReadAll(body); err != nil || !strings.Contains(string(got), want) {
			w.t.Errorf("%s holds %q, %v; want %q in it", name, got, err, want)
		}
		if err := body.Close(); err != nil {
			w.t.Error(err)
		}
	}
	if got, err := w.Schema(w.t.Context(), w.Model); err != nil || !reflect.DeepEqual(got, c.Schema) {
		w.t.Errorf("got schema %+v, %v; want %+v", got, err, c.Schema)
	}
}

// loggedModels returns the number of logged models of the candidate's run.
func (w *world) loggedModels(c registry.Candidate) int {
	w.t.Helper()
	query := fmt.Sprintf(`{"experiment_ids":[%q],"filter":"source_run_id = '%s'"}`, c.ExperimentID, c.RunID)
	response, err := http.Post(
		w.LabProxy.URL+"/api/2.0/mlflow/logged-models/search",
		"application/json",
		strings.NewReader(query),
	)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Models []any }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		w.t.Fatal(err)
	}
	return len(answer.Models)
}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(7)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := registry.Version{
		Model:          w.Model,
		Number:         "1",
		RunID:          c.RunID,
		LoggedModelID:  v.LoggedModelID,
		Algorithm:      "logistic_regression",
		Seed:           7,
		DatasetSHA256:  c.DatasetSHA256,
		ArtifactSHA256: v.ArtifactSHA256,
		TaskID:         c.TaskID,
		GitCommit:      "abc123",
		Split:          c.Split,
		Metrics:        map[string]float64{"accuracy": 0.9, "log_loss": 0.1, "macro_f1": 0.8},
		Aliases:        []string{},
		CreatedAt:      v.CreatedAt,
		Description:    "a test",
		Recipe:         &registry.Recipe{Spec: c.Spec, Schema: c.Schema},
	}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
	if !strings.HasPrefix(v.LoggedModelID, "m-") || len(v.ArtifactSHA256) != 64 || v.CreatedAt.Year() < 2026 {
		t.Errorf("got logged model %q, SHA-256 %q, time %s; want all set", v.LoggedModelID, v.ArtifactSHA256, v.CreatedAt)
	}
	w.wantOne(c, v)
	if second := w.MustRegister(8); second.Number != "2" {
		t.Errorf("another run: got version %s, want 2", second.Number)
	}
}

func TestRegister_twice(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	first, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.LabProxy.Drain()
	second, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if requests := w.LabProxy.Drain(); len(requests) != 2 {
		t.Errorf("the second time took %v, want a search and a read of the version", requests)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("got  %+v\nthen %+v", first, second)
	}
	w.wantOne(c, first)
}

// Every request to MLflow that changes something fails once, before and after the server acts on it.
func TestRegister_cutAtEachStep(t *testing.T) {
	cutAtEachStep(t, 8, func(t *testing.T) cutTest {
		w := newWorld(t)
		c := w.Candidate(1)
		c.Split.Moved = moved(100) // one more file
		return cutTest{
			proxies: []*testenv.Proxy{w.LabProxy},
			attempt: func() error { _, err := w.Register(t.Context(), c); return err },
			verify: func() {
				v, err := w.Register(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				w.wantOne(c, v)
			},
		}
	})
}

func TestRegister_schemaNotWritten(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	w.S3Proxy.Decide(func(r *http.Request) testenv.Fate {
		if r.Method == http.MethodPut {
			return testenv.Refuse
		}
		return testenv.Pass
	})
	if _, err := w.Register(t.Context(), c); !errors.Is(err, registry.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	w.S3Proxy.Decide(nil)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.wantOne(c, v)
}

func TestRegister_longSplit(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	c.Split.Moved = moved(2000)
	registered, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := w.Resolve(t.Context(), w.Model, "1")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]registry.Version{"registered": registered, "resolved": resolved} {
		if !reflect.DeepEqual(v.Split, c.Split) {
			t.Errorf("%s: got a split of %d moved rows, want all 2000", name, len(v.Split.Moved))
		}
	}
	mv, err := w.Lab.GetVersion(t.Context(), w.Model, "1")
	if err != nil {
		t.Fatal(err)
	}
	if tag := mv.Tags["iris.split"]; len(tag) > 200 || !strings.Contains(tag, "0.25") {
		t.Errorf("got tag %.300q, want the split without moved rows", tag)
	}
	w.Overwrite(registered, "split.json", []byte(`{"seed":1}`))
	if _, err := w.Resolve(t.Context(), w.Model, "1"); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("after the file was replaced: got %v, want ErrCorrupt", err)
	}
}

func moved(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("%064x", i)
	}
	return rows
}

func TestRegister_metricsThatAreNotNumbers(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	c.Metrics = map[string]float64{"accuracy": 0.5, "log_loss": math.Inf(1), "macro_f1": math.NaN()}
	v, err := w.Register(t.Context(), c)
	if err != nil || !reflect.DeepEqual(v.Metrics, map[string]float64{"accuracy": 0.5}) {
		t.Errorf("got metrics %v, %v; want only accuracy", v.Metrics, err)
	}
}

func TestRegister_refuses(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name   string
		change func(*registry.Candidate)
		want   string
	}{
		{"no run", func(c *registry.Candidate) { c.RunID = "" }, "run"},
		{"a run id that would end the filter", func(c *registry.Candidate) { c.RunID = "' or name='iris" }, "run"},
		{"no artifact", func(c *registry.Candidate) { c.Artifact = nil }, "artifact of 0 bytes"},
		{"a file of the registry", func(c *registry.Candidate) {
			c.Files = map[string][]byte{"model.json": nil}
		}, "model.json"},
		{"a split that has no JSON", func(c *registry.Candidate) { c.Split.TestSize = math.NaN() }, "split"},
		{"a long split that has no JSON", func(c *registry.Candidate) {
			c.Split = partition.Split{TestSize: math.NaN(), Moved: moved(100)}
		}, "split"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.Candidate(1)
			test.change(&c)
			if _, err := w.Register(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	if versions, err := w.Lab.SearchVersions(t.Context(), "name='"+w.Model+"'"); err != nil || len(versions) != 0 {
		t.Errorf("got %d versions (%v), want none", len(versions), err)
	}
}

// otherCandidate returns a candidate with another schema, of one feature.
func (w *world) otherCandidate(seed uint64) registry.Candidate {
	w.t.Helper()
	c := w.Candidate(seed)
	other := registrytest.Fit(w.t, seed, []byte("width,kind\n1,a\n2,a\n8,b\n9,b\n"))
	c.Artifact, c.Schema = registrytest.Encode(w.t, other), other.Schema()
	return c
}

// The schema of a model follows its champion. A second version alone does not change it.
func TestSchema_followsTheChampion(t *testing.T) {
	w := newWorld(t)
	first := w.MustRegister(1)
	second, err := w.Register(t.Context(), w.otherCandidate(2))
	if err != nil {
		t.Fatal(err)
	}
	want := func(when string, features int) {
		t.Helper()
		if s, err := w.Schema(t.Context(), w.Model); err != nil || len(s.Features) != features {
			t.Errorf("%s: got %+v, %v; want %d features", when, s, err, features)
		}
	}
	want("registered", 4)
	w.MustPromote(second.Number, 0)
	want("promoted", 1)
	w.MustPromote(first.Number, 1)
	want("rolled back", 4)
}

// The version goes without a file for people if the caller says so. It never goes without its model.
func TestRegister_fileFails(t *testing.T) {
	for name, test := range map[string]struct {
		refused    string
		fate       testenv.Fate
		fileFailed func(string, error) error
		succeeds   bool
	}{
		"the caller goes on":           {"/note.txt", testenv.Refuse, func(string, error) error { return nil }, true},
		"the upload hangs":             {"/note.txt", testenv.Hold, func(string, error) error { return nil }, true},
		"the caller returns the error": {"/note.txt", testenv.Refuse, func(_ string, err error) error { return err }, false},
		"nobody decides":               {"/note.txt", testenv.Refuse, nil, false},
		"the model fails":              {"/model.json", testenv.Refuse, func(string, error) error { return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.LabProxy.Decide(func(r *http.Request) testenv.Fate {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, test.refused) {
					return test.fate
				}
				return testenv.Pass
			})
			c := w.Candidate(1)
			var asked []string
			if test.fileFailed != nil {
				c.FileFailed = func(name string, err error) error {
					asked = append(asked, name)
					if !errors.Is(err, registry.ErrUnavailable) {
						t.Errorf("%s failed with %v, want ErrUnavailable", name, err)
					}
					return test.fileFailed(name, err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if test.fate == testenv.Hold {
				c.Files = map[string][]byte{"note.txt": []byte("x")}
			}
			v, err := w.Register(ctx, c)
			if (err == nil) != test.succeeds {
				t.Fatalf("register: %v, want a success: %t", err, test.succeeds)
			}
			if wanted := test.refused == "/note.txt" &&
				test.fileFailed != nil; wanted != slices.Equal(
				asked,
				[]string{"note.txt"},
			) {
				t.Errorf("asked about %q", asked)
			}
			if !test.succeeds {
				return
			}
			if _, err := w.Load(t.Context(), v); err != nil {
				t.Errorf("load: %v", err)
			}
		})
	}
}
