package model

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// sentence reports whether s reads as one.
func sentence(s string) bool { return len(s) > 15 && strings.HasSuffix(s, ".") }

func TestDescribe_everyFamilyIsExplained(t *testing.T) {
	for _, a := range Algorithms() {
		d, ok := Describe(a)
		if !ok || d.Algorithm != a || !sentence(d.Summary) {
			t.Errorf("%s: %v, summary %q; want a sentence", a, ok, d.Summary)
		}
		for _, p := range d.Parameters {
			if !sentence(p.About) || p.Type == "" {
				t.Errorf("%s: %s of type %q is said to be %q; want a type and a sentence", a, p.Name, p.Type, p.About)
			}
		}
	}
	if _, ok := Describe("astrology"); ok {
		t.Error("an unknown algorithm is described")
	}
}

// resolveWith resolves a's spec with one hyperparameter given.
func resolveWith(a Algorithm, name string, value any) error {
	raw, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return err
	}
	_, err = Spec{Algorithm: a, Hyperparameters: raw}.Resolve()
	return err
}

// TestDescribe_saysWhatResolveTakes holds the data against the code: a description that drifts from its reader fails.
func TestDescribe_saysWhatResolveTakes(t *testing.T) {
	for _, a := range Algorithms() {
		d, _ := Describe(a)
		for _, p := range d.Parameters {
			good, bad := []any{p.Default}, []any{nil, map[string]any{}}
			switch p.Type {
			case "number":
				good = append(good, p.Low, p.High)
				bad = append(bad, math.Nextafter(p.Low, math.Inf(-1)), math.Nextafter(p.High, math.Inf(1)), "1")
			case "integer":
				good = append(good, p.Low, p.High)
				bad = append(bad, p.High+1, p.Low+0.5)
				for _, e := range p.Extra {
					good = append(good, e)
				}
				if len(p.Extra) == 0 {
					bad = append(bad, p.Low-1)
				}
			case "string":
				for _, word := range p.Words {
					good = append(good, word)
				}
				bad = append(bad, "no such word", 1)
			}
			for _, v := range good {
				if err := resolveWith(a, p.Name, v); err != nil {
					t.Errorf("%s: %s %v is refused: %v", a, p.Name, v, err)
				}
			}
			for _, v := range bad {
				var wrong *SpecError
				if err := resolveWith(a, p.Name, v); !errors.As(err, &wrong) || wrong.Pointer != "/hyperparameters/"+p.Name {
					t.Errorf("%s: %s %v gives %v, want it refused at its pointer", a, p.Name, v, err)
				}
			}
		}
	}
}
