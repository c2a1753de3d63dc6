package apiserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"iris/model"
)

// sentSchema is the part of a JSON Schema that the tests read.
type sentSchema struct {
	Dialect              string `json:"$schema"`
	Type, Description    string
	AdditionalProperties *bool
	Properties           map[string]struct {
		Type, Description string
		Default           any
		Minimum, Maximum  *float64
		Enum              []any
		AnyOf             []map[string]any
	}
}

func (a *api) algorithms(t *testing.T) map[model.Algorithm]sentSchema {
	t.Helper()
	var got struct {
		Algorithms []struct {
			Algorithm       model.Algorithm
			Summary         string
			Hyperparameters sentSchema
		}
	}
	answer := a.do(t, "GET", "/algorithms", nil)
	if err := json.Unmarshal(answer.body, &got); err != nil || answer.status != 200 {
		t.Fatalf("%d: %v: %s", answer.status, err, answer.body)
	}
	schemas := map[model.Algorithm]sentSchema{}
	for _, g := range got.Algorithms {
		if g.Summary == "" {
			t.Errorf("%s has no summary", g.Algorithm)
		}
		schemas[g.Algorithm] = g.Hyperparameters
	}
	return schemas
}

func TestAlgorithms_defaultsResolve(t *testing.T) {
	schemas := newAPI(t).algorithms(t)
	for _, a := range model.Algorithms() {
		schema, ok := schemas[a]
		if !ok || schema.Dialect != "https://json-schema.org/draft/2020-12/schema" || schema.Type != "object" ||
			schema.AdditionalProperties == nil ||
			*schema.AdditionalProperties {
			t.Fatalf("%s: schema %+v, want a closed object that names its dialect", a, schema)
		}
		defaults := map[string]any{}
		for name, p := range schema.Properties {
			if p.Description == "" || p.Default == nil {
				t.Errorf("%s: %s has description %q and default %v", a, name, p.Description, p.Default)
			}
			defaults[name] = p.Default
		}
		given, err := model.Spec{Algorithm: a, Hyperparameters: must(json.Marshal(defaults))}.Resolve()
		if err != nil {
			t.Fatalf("%s: the defaults are refused: %v", a, err)
		}
		absent := must(model.Spec{Algorithm: a}.Resolve())
		if string(given.Hyperparameters) != string(absent.Hyperparameters) {
			t.Errorf("%s: defaults %s, want what absent ones take, %s", a, given.Hyperparameters, absent.Hyperparameters)
		}
	}
}

// huma, reading the schema, and Spec.Resolve must accept the same values.
func TestAlgorithms_refuseWhatIsOutOfRange(t *testing.T) {
	registry := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	values := []any{
		-1e300,
		-2.0,
		-1.0,
		0.0,
		0.5,
		1.0,
		2.0,
		1e3,
		1e12,
		1e300,
		"gini",
		"no such word",
		"auto",
		true,
		[]any{},
		[]any{1.0},
		[]any{1e12},
		[]any{"gini"},
		make([]any, 1001),
		map[string]any{},
		map[string]any{"age": 1.0},
		map[string]any{"age": 0.0},
		[]any{[]any{"age"}, []any{}},
	} // without null, which huma takes for absent
	for _, d := range descriptions() {
		schema := hyperparameters(d)
		schema.PrecomputeMessages()
		for _, p := range d.Parameters {
			schema.Properties[p.Name].PrecomputeMessages()
			for _, option := range schema.Properties[p.Name].AnyOf {
				option.PrecomputeMessages()
			}
			for _, v := range values {
				result := &huma.ValidateResult{}
				huma.Validate(
					registry,
					schema,
					huma.NewPathBuffer(nil, 0),
					huma.ModeWriteToServer,
					map[string]any{p.Name: v},
					result,
				)
				_, err := model.Spec{
					Algorithm:       d.Algorithm,
					Hyperparameters: must(json.Marshal(map[string]any{p.Name: v})),
				}.Resolve()
				var wrong *model.SpecError
				if err != nil && (!errors.As(err, &wrong) || !strings.HasPrefix(wrong.Pointer, "/hyperparameters/"+p.Name)) {
					t.Errorf("%s: %s = %v: %v, want its pointer", d.Algorithm, p.Name, v, err)
				}
				if (len(result.Errors) > 0) != (err != nil) {
					t.Errorf("%s: %s = %v: the schema says %v, Resolve says %v", d.Algorithm, p.Name, v, result.Errors, err)
				}
			}
		}
	}
}

func TestAlgorithms_badHyperparametersNameTheirPointer(t *testing.T) {
	a := newAPI(t)
	for name, schema := range a.algorithms(t) {
		for parameter := range schema.Properties {
			body := fmt.Sprintf(`{"algorithm":%q,"hyperparameters":{%q:false}}`, name, parameter)
			p := a.do(t, "POST", "/iris/training", body, "Content-Type: application/json").problem(t, 422)
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/hyperparameters/"+parameter {
				t.Errorf("%s: %+v, want the pointer of %s", name, p.Errors, parameter)
			}
		}
	}
}

func TestOpenAPI_describesHyperparameters(t *testing.T) {
	a := newAPI(t)
	d, _ := a.document(t)
	schema := d.Paths["/training"]["post"].RequestBody.Content["application/json"].Schema
	encoded := string(must(json.Marshal(schema.Properties["hyperparameters"])))
	for _, description := range descriptions() {
		if !slices.Contains(model.Algorithms(), description.Algorithm) || !strings.Contains(encoded, description.Summary) {
			t.Errorf("%s is not described in %s", description.Algorithm, encoded)
		}
	}
}
