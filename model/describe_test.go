package model

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// sentence reports whether s looks like a sentence.
func sentence(s string) bool { return len(s) > 15 && strings.HasSuffix(s, ".") }

func TestDescribe_everyFamilyIsExplained(t *testing.T) {
	for _, a := range Algorithms() {
		d, ok := Describe(a)
		if !ok || d.Algorithm != a || !sentence(d.Summary) {
			t.Errorf("%s: %v, summary %q; want a sentence", a, ok, d.Summary)
		}
		for _, p := range d.Parameters {
			if !sentence(p.About) || p.Type == "" {
				t.Errorf("%s: %s of type %q is described as %q; want a type and a sentence", a, p.Name, p.Type, p.About)
			}
		}
	}
	if _, ok := Describe("astrology"); ok {
		t.Error("an unknown algorithm is described")
	}
}

// resolveWith resolves a spec of a with one hyperparameter.
func resolveWith(a Algorithm, name string, value any) error {
	raw, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return err
	}
	_, err = Spec{Algorithm: a, Hyperparameters: raw}.Resolve()
	return err
}

// ends returns values at the ends of a domain and just beyond them.
func ends(d Domain) (good, bad []any) {
	bad = []any{nil, map[string]any{}}
	switch d.Type {
	case "object":
		if d.Fields != nil {
			return endsOfFields(d.Fields)
		}
		if d.Items == nil {
			return []any{map[string]any{}}, []any{[]any{}, 1}
		}
		goodItems, badItems := ends(*d.Items)
		good, bad = []any{map[string]any{}}, []any{nil, []any{}, 1}
		for _, item := range goodItems {
			good = append(good, map[string]any{"a name": item})
		}
		for _, item := range badItems {
			bad = append(bad, map[string]any{"a name": item})
		}
	case "number":
		below, above := math.Nextafter(d.Low, math.Inf(-1)), math.Nextafter(d.High, math.Inf(1))
		return []any{d.Low, d.High}, append(bad, below, above, "1")
	case "integer":
		good, bad = []any{d.Low, d.High}, append(bad, d.High+1, d.Low+0.5)
		for _, e := range d.Extra {
			good = append(good, e)
		}
		if len(d.Extra) == 0 {
			bad = append(bad, d.Low-1)
		}
	case "string":
		for _, word := range d.Words {
			good = append(good, word)
		}
		bad = append(bad, 1)
		if d.Words == nil {
			return []any{"any word"}, append(bad, "")
		}
		bad = append(bad, "no such word")
	case "array":
		goodItems, badItems := ends(*d.Items)
		good, bad = []any{
			slices.Repeat(goodItems[:1], d.Shortest),
			slices.Repeat(goodItems[:1], d.Longest),
		}, append(
			bad,
			slices.Repeat(goodItems[:1], d.Longest+1),
		)
		if d.Shortest > 0 {
			bad = append(bad, slices.Repeat(goodItems[:1], d.Shortest-1))
		}
		for _, item := range goodItems {
			good = append(good, []any{item})
		}
		for _, item := range badItems {
			bad = append(bad, []any{item})
		}
	}
	return good, bad
}

// endsOfFields is ends for an object. A field without a default must be there.
func endsOfFields(fields []Parameter) (good, bad []any) {
	needed := map[string]any{}
	for _, f := range fields {
		if f.Default == nil {
			goodValues, _ := ends(f.Domain)
			needed[f.Name] = goodValues[0]
		}
	}
	with := func(name string, value any) map[string]any {
		o := maps.Clone(needed)
		o[name] = value
		return o
	}
	good, bad = []any{needed}, []any{nil, 1, []any{}, with("another", 1)}
	for _, f := range fields {
		goodValues, badValues := ends(f.Domain)
		for _, v := range goodValues {
			good = append(good, with(f.Name, v))
		}
		for _, v := range badValues {
			bad = append(bad, with(f.Name, v))
		}
		if f.Default == nil {
			without := maps.Clone(needed)
			delete(without, f.Name)
			bad = append(bad, without)
		}
	}
	return good, bad
}

// TestDescribe_saysWhatResolveTakes checks that descriptions agree with what Resolve accepts.
func TestDescribe_saysWhatResolveTakes(t *testing.T) {
	for _, a := range Algorithms() {
		d, _ := Describe(a)
		for _, p := range d.Parameters {
			good, bad := ends(p.Domain)
			for _, v := range append(good, p.Default) {
				if err := resolveWith(a, p.Name, v); err != nil {
					t.Errorf("%s: %s %v is refused: %v", a, p.Name, v, err)
				}
			}
			for _, v := range bad {
				err := resolveWith(a, p.Name, v)
				wrong, ok := errors.AsType[*SpecError](err)
				if !ok || !strings.HasPrefix(wrong.Pointer, "/hyperparameters/"+p.Name) {
					t.Errorf("%s: %s %v gives %v, want it refused at its pointer", a, p.Name, v, err)
				}
			}
		}
	}
}
