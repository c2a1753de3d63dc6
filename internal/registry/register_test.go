package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
)

// wantOne asserts that a run has become one logged model, ready and with its files, and one version.
func (w *world) wantOne(c registry.Candidate, v registry.Version) {
	w.t.Helper()
	versions, err := w.mlflow.SearchVersions(w.t.Context(), "name='"+w.model+"'")
	if err != nil || len(versions) != 1 {
		w.t.Fatalf("got %d versions (%v), want 1", len(versions), err)
	}
	logged, err := w.mlflow.FindLoggedModel(w.t.Context(), c.ExperimentID, c.RunID)
	if err != nil {
		w.t.Fatal(err)
	}
	if logged.ID != v.ModelID || logged.Status != mlflow.LoggedModelReady {
		w.t.Errorf("got logged model %s %s, want %s, ready", logged.ID, logged.Status, v.ModelID)
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
		body, err := w.mlflow.GetArtifact(w.t.Context(), logged.ArtifactURI, name)
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
	if got, err := w.Schema(w.t.Context(), w.model); err != nil || !reflect.DeepEqual(got, c.Schema) {
		w.t.Errorf("got schema %+v, %v; want %+v", got, err, c.Schema)
	}
}

// loggedModels counts the logged models of the candidate's run.
func (w *world) loggedModels(c registry.Candidate) int {
	w.t.Helper()
	query := fmt.Sprintf(`{"experiment_ids":[%q],"filter":"source_run_id = '%s'"}`, c.ExperimentID, c.RunID)
	response, err := http.Post(
		w.lab.URL+"/api/2.0/mlflow/logged-models/search",
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
	c := w.candidate(7)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := registry.Version{
		Model:          w.model,
		Number:         "1",
		RunID:          c.RunID,
		ModelID:        v.ModelID,
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
	if !strings.HasPrefix(v.ModelID, "m-") || len(v.ArtifactSHA256) != 64 || v.CreatedAt.Year() < 2026 {
		t.Errorf("got logged model %q, SHA-256 %q, time %s; want them filled in", v.ModelID, v.ArtifactSHA256, v.CreatedAt)
	}
	w.wantOne(c, v)
	if second := w.register(8); second.Number != "2" {
		t.Errorf("another run: got version %s, want 2", second.Number)
	}
}

func TestRegister_twice(t *testing.T) {
	w := newWorld(t)
	c := w.candidate(1)
	first, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.lab.drain()
	second, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if requests := w.lab.drain(); len(requests) != 2 {
		t.Errorf("the second time took %v, want a search and a look at the version", requests)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("got  %+v\nthen %+v", first, second)
	}
	w.wantOne(c, first)
}

// Every step is cut off once, before and after the server acted on it, and the candidate registered again.
func TestRegister_cutAtEachStep(t *testing.T) {
	for _, how := range []struct {
		name string
		fate fate
	}{{"before the server acts", refuse}, {"after the server acted", cut}} {
		for step, done := 1, false; !done; step++ {
			t.Run(fmt.Sprintf("step %d %s", step, how.name), func(t *testing.T) {
				w := newWorld(t)
				c := w.candidate(1)
				c.Split.Moved = moved(100) // a file more
				changes := 0
				var reached atomic.Bool // uploads that were given up may still arrive
				w.lab.on(func(r *http.Request) fate {
					if !changing(r) {
						return pass
					}
					if changes++; changes < step {
						return pass
					}
					reached.Store(true) // and every request from here on, so that no retry of the client helps
					return how.fate
				})
				_, err := w.Register(t.Context(), c)
				if done = !reached.Load(); done {
					if err != nil || step < 8 {
						t.Fatalf("step %d of Register was not reached: %v", step, err)
					}
				} else if !errors.Is(err, registry.ErrUnavailable) {
					t.Fatalf("got %v, want ErrUnavailable", err)
				}
				w.lab.on(nil)
				v, err := w.Register(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				w.wantOne(c, v)
			})
			if t.Failed() {
				return
			}
		}
	}
}

func TestRegister_schemaNotWritten(t *testing.T) {
	w := newWorld(t)
	c := w.candidate(1)
	w.s3.on(func(r *http.Request) fate {
		if r.Method == http.MethodPut {
			return refuse
		}
		return pass
	})
	if _, err := w.Register(t.Context(), c); !errors.Is(err, registry.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	w.s3.on(nil)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.wantOne(c, v)
}

func TestRegister_longSplit(t *testing.T) {
	w := newWorld(t)
	c := w.candidate(1)
	c.Split.Moved = moved(2000)
	registered, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := w.Resolve(t.Context(), w.model, "1")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]registry.Version{"registered": registered, "resolved": resolved} {
		if !reflect.DeepEqual(v.Split, c.Split) {
			t.Errorf("%s: got a split of %d moved rows, want all 2000", name, len(v.Split.Moved))
		}
	}
	mv, err := w.mlflow.GetVersion(t.Context(), w.model, "1")
	if err != nil {
		t.Fatal(err)
	}
	if tag := mv.Tags["iris.split"]; len(tag) > 200 || !strings.Contains(tag, "0.25") {
		t.Errorf("got tag %.300q, want the split without its rows", tag)
	}
	w.overwrite(registered, "split.json", []byte(`{"seed":1}`))
	if _, err := w.Resolve(t.Context(), w.model, "1"); !errors.Is(err, registry.ErrCorrupt) {
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

func TestRegister_metricsThatAreNoNumbers(t *testing.T) {
	w := newWorld(t)
	c := w.candidate(1)
	c.Metrics = map[string]float64{"accuracy": 0.5, "log_loss": math.Inf(1), "macro_f1": math.NaN()}
	v, err := w.Register(t.Context(), c)
	if err != nil || !reflect.DeepEqual(v.Metrics, map[string]float64{"accuracy": 0.5}) {
		t.Errorf("got metrics %v, %v; want accuracy alone", v.Metrics, err)
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
		{"a file that is ours", func(c *registry.Candidate) { c.Files = map[string][]byte{"model.json": nil} }, "model.json"},
		{"a split that has no JSON", func(c *registry.Candidate) { c.Split.TestSize = math.NaN() }, "split"},
		{"a long split that has no JSON", func(c *registry.Candidate) { c.Split = dataset.Split{TestSize: math.NaN(), Moved: moved(100)} }, "split"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.candidate(1)
			test.change(&c)
			if _, err := w.Register(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	if versions, err := w.mlflow.SearchVersions(t.Context(), "name='"+w.model+"'"); err != nil || len(versions) != 0 {
		t.Errorf("got %d versions (%v), want none", len(versions), err)
	}
}

// The schema of a model follows its champion: neither a second version nor a promotion that does not happen changes it.
func TestSchema_followsTheChampion(t *testing.T) {
	w := newWorld(t)
	first := w.register(1)
	c := w.candidate(2)
	other := fit(t, 2, []byte("width,kind\n1,a\n2,a\n8,b\n9,b\n"))
	c.Artifact, c.Schema = encode(t, other), other.Schema()
	second, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := func(when string, features int) {
		t.Helper()
		if s, err := w.Schema(t.Context(), w.model); err != nil || len(s.Features) != features {
			t.Errorf("%s: got %+v, %v; want %d features", when, s, err, features)
		}
	}
	want("registered", 4)
	w.promote(second.Number, 0)
	want("promoted", 1)
	w.promote(first.Number, 1)
	want("rolled back", 4)
}
