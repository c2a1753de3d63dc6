package registry_test

import (
	"errors"
	"strings"
	"testing"

	"iris/internal/mlflow"
	"iris/internal/registry"
)

func TestResolve(t *testing.T) {
	w := newWorld(t)
	first, second := w.MustRegister(1), w.MustRegister(2)
	w.MustPromote(first.Number, 0)
	w.MustPromote(second.Number, 1)
	other := newWorld(t)
	foreign := other.MustRegister(1)
	other.MustPromote("1", 0)
	unknown := strings.Repeat("0", 32)
	for _, test := range []struct {
		name, ref string
		want      string // number
		err       error
	}{
		{"empty for the champion", "", "2", nil},
		{"number", "1", "1", nil},
		{"version URI", "models:/" + w.Model + "/1", "1", nil},
		{"alias URI", "models:/" + w.Model + "@champion", "2", nil},
		{"another alias", "models:/" + w.Model + "@previous", "1", nil},
		{"logged model", "models:/" + first.LoggedModelID, "1", nil},
		{"run", "runs:/" + second.RunID + "/model", "2", nil},

		{"version of another model", "models:/" + other.Model + "/1", "", registry.ErrWrongModel},
		{"champion of another model", "models:/" + other.Model + "@champion", "", registry.ErrWrongModel},
		{"logged model of another model", "models:/" + foreign.LoggedModelID, "", registry.ErrWrongModel},
		{"run of another model", "runs:/" + foreign.RunID + "/model", "", registry.ErrWrongModel},

		{"unknown number", "99", "", registry.ErrNotExist},
		{"unknown version", "models:/" + w.Model + "/99", "", registry.ErrNotExist},
		{"unknown alias", "models:/" + w.Model + "@nobody", "", registry.ErrNotExist},
		{"unknown logged model", "models:/m-" + unknown, "", registry.ErrNotExist},
		{"unknown run", "runs:/" + unknown + "/model", "", registry.ErrNotExist},

		{"a word", "champion", "", registry.ErrBadReference},
		{"zero", "0", "", registry.ErrBadReference},
		{"leading zero", "01", "", registry.ErrBadReference},
		{"negative", "-1", "", registry.ErrBadReference},
		{"fraction", "1.0", "", registry.ErrBadReference},
		{"more than 32 bits", "4294967297", "", registry.ErrBadReference},
		{"white space", " 1", "", registry.ErrBadReference},
		{"line end", "1\n", "", registry.ErrBadReference},
		{"stage", "models:/" + w.Model + "/Production", "", registry.ErrBadReference},
		{"latest", "models:/" + w.Model + "/latest", "", registry.ErrBadReference},
		{"no version", "models:/" + w.Model, "", registry.ErrBadReference},
		{"empty alias", "models:/" + w.Model + "@", "", registry.ErrBadReference},
		{"no model", "models:/@champion", "", registry.ErrBadReference},
		{"authority", "models://" + w.Model + "/1", "", registry.ErrBadReference},
		{"short logged model", "models:/m-12", "", registry.ErrBadReference},
		{"run without a path", "runs:/" + second.RunID, "", registry.ErrBadReference},
		{"another path of the run", "runs:/" + second.RunID + "/onnx", "", registry.ErrBadReference},
		{"path below the model", "runs:/" + second.RunID + "/model/x", "", registry.ErrBadReference},
		{"run id with a quote", "runs:/' or name='x/model", "", registry.ErrBadReference},
		{"file", "file:///etc/passwd", "", registry.ErrBadReference},
		{"long", strings.Repeat("x", 10000), "", registry.ErrBadReference},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, err := w.Resolve(t.Context(), w.Model, test.ref)
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if err != nil {
				if len(err.Error()) > 500 {
					t.Errorf("got an error of %d bytes, want a short one", len(err.Error()))
				}
				return
			}
			wanted := first
			if test.want == "2" {
				wanted = second
			}
			if v.Number != wanted.Number || v.Model != w.Model || v.RunID != wanted.RunID ||
				v.LoggedModelID != wanted.LoggedModelID {
				t.Errorf("got %+v, want version %s", v, test.want)
			}
			if alias := map[string]string{"1": "previous", "2": "champion"}[test.want]; len(v.Aliases) != 1 ||
				v.Aliases[0] != alias {
				t.Errorf("got aliases %v, want %s", v.Aliases, alias)
			}
		})
	}
}

func TestResolve_brokenTag(t *testing.T) {
	for _, tag := range []string{"iris.seed", "iris.metrics", "iris.split"} {
		t.Run(tag, func(t *testing.T) {
			w := newWorld(t)
			w.MustRegister(1)
			if err := w.Lab.SetVersionTag(t.Context(), w.Model, "1", tag, "?"); err != nil {
				t.Fatal(err)
			}
			_, err := w.Resolve(t.Context(), w.Model, "1")
			if !errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), tag) {
				t.Errorf("got %v, want ErrCorrupt that names %s", err, tag)
			}
		})
	}
}

// A person can register a run again on MLflow's pages. Iris has registered the oldest version.
func TestResolve_oldestVersionOfARun(t *testing.T) {
	w := newWorld(t)
	v := w.MustRegister(1)
	again := mlflow.NewVersion{Name: w.Model, LoggedModelID: v.LoggedModelID, RunID: v.RunID}
	if _, err := w.Lab.CreateVersion(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"runs:/" + v.RunID + "/model", "models:/" + v.LoggedModelID} {
		if got, err := w.Resolve(t.Context(), w.Model, ref); err != nil || got.Number != "1" {
			t.Errorf("%s: got version %s, %v; want 1", ref, got.Number, err)
		}
	}
}
