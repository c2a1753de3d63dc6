package registry_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/registry"
	"iris/internal/registry/registrytest"
	"iris/internal/testenv"
)

func TestLoad(t *testing.T) {
	w := newWorld(t)
	v := w.MustRegister(3)
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
			w.Overwrite(*v, "model.json", registrytest.Encode(t, registrytest.Fit(t, 99, dataset.IrisCSV())))
		}, "SHA-256"},
		{"cut short", func(t *testing.T, v *registry.Version) {
			w.Overwrite(*v, "model.json", []byte("{"))
		}, "SHA-256"},
		{"no logged model", func(_ *testing.T, v *registry.Version) {
			v.LoggedModelID = "m-" + strings.Repeat("0", 32)
		}, "gone"},
		{"registered by another program", func(_ *testing.T, v *registry.Version) {
			v.ArtifactSHA256 = ""
		}, "not registered by iris"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := w.MustRegister(1)
			test.spoil(t, &v)
			_, err := w.Load(t.Context(), v)
			if !errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrCorrupt with %q", err, test.want)
			}
		})
	}
}

func TestLoad_artifactUnavailable(t *testing.T) {
	w := newWorld(t)
	v := w.MustRegister(1)
	for name, f := range map[string]testenv.Fate{"503": testenv.Refuse, "connection cut": testenv.Cut} {
		t.Run(name, func(t *testing.T) {
			w.LabProxy.Decide(func(r *http.Request) testenv.Fate {
				if strings.Contains(r.URL.Path, "/mlflow-artifacts/") {
					return f
				}
				return testenv.Pass
			})
			_, err := w.Load(t.Context(), v)
			if !errors.Is(err, registry.ErrUnavailable) || errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestLoad_artifactIsNotAModel(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	c.Artifact = []byte(`{"format":"something else"}`)
	v, err := w.Register(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Load(t.Context(), v)
	if !errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("got %v, want ErrCorrupt with the format", err)
	}
}
