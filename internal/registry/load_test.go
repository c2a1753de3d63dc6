package registry_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
)

func encode(t *testing.T, m *model.Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLoad(t *testing.T) {
	w := newWorld(t)
	v := w.register(3)
	m, err := w.Load(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 3)
	if class := m.Predict([]float64{5.1, 3.5, 1.4, 0.2}, p); m.Schema().Classes[class] != "setosa" || m.Spec().Seed != 3 {
		t.Errorf("got class %d of a model with seed %d, want setosa and seed 3", class, m.Spec().Seed)
	}
}

func TestLoad_corrupt(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, *registry.Version)
		want  string
	}{
		{"other bytes of a model", func(t *testing.T, v *registry.Version) {
			w.overwrite(*v, "model.json", encode(t, fit(t, 99, dataset.IrisCSV())))
		}, "SHA-256"},
		{"cut short", func(t *testing.T, v *registry.Version) {
			w.overwrite(*v, "model.json", []byte("{"))
		}, "SHA-256"},
		{"no logged model", func(_ *testing.T, v *registry.Version) { v.ModelID = "m-" + strings.Repeat("0", 32) }, "gone"},
		{"registered by somebody else", func(_ *testing.T, v *registry.Version) { v.ArtifactSHA256 = "" }, "not registered by iris"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := w.register(1)
			test.spoil(t, &v)
			if _, err := w.Load(
				t.Context(),
				v,
			); !errors.Is(err, registry.ErrCorrupt) ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrCorrupt with %q", err, test.want)
			}
		})
	}
}

func TestLoad_artifactUnavailable(t *testing.T) {
	w := newWorld(t)
	v := w.register(1)
	for name, f := range map[string]fate{"503": refuse, "connection cut": cut} {
		t.Run(name, func(t *testing.T) {
			w.lab.on(func(r *http.Request) fate {
				if strings.Contains(r.URL.Path, "/mlflow-artifacts/") {
					return f
				}
				return pass
			})
			if _, err := w.Load(
				t.Context(),
				v,
			); !errors.Is(err, registry.ErrUnavailable) ||
				errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestLoad_registeredButNoModel(t *testing.T) {
	w := newWorld(t)
	c := w.candidate(1)
	c.Artifact = []byte(`{"format":"something else"}`)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Load(
		t.Context(),
		v,
	); !errors.Is(err, registry.ErrCorrupt) ||
		!strings.Contains(err.Error(), "something else") {
		t.Errorf("got %v, want ErrCorrupt that names the format", err)
	}
}

// foreign makes a version of the model as somebody else would, with MLflow's own client.
func (w *world) foreign() {
	w.t.Helper()
	c := w.candidate(1)
	if err := w.mlflow.EnsureRegisteredModel(w.t.Context(), w.model, "", nil); err != nil {
		w.t.Fatal(err)
	}
	logged, err := w.mlflow.CreateLoggedModel(
		w.t.Context(),
		mlflow.NewLoggedModel{ExperimentID: w.experiment, Name: "model", RunID: c.RunID},
	)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.mlflow.CreateVersion(
		w.t.Context(),
		mlflow.NewVersion{Name: w.model, ModelID: logged.ID, RunID: c.RunID},
	); err != nil {
		w.t.Fatal(err)
	}
}
