package apiserver

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/model"
)

// concrete is the part of a champion's route that the tests read.
type concrete struct {
	OperationID string
	RequestBody struct {
		Content map[string]struct {
			Schema  schemaOfTest
			Example json.RawMessage
		}
	}
	Responses map[string]struct {
		Content map[string]struct {
			Schema  schemaOfTest
			Example json.RawMessage
		}
	}
}

type schemaOfTest struct {
	Type       string
	Required   []string
	Properties map[string]schemaOfTest
	Enum       []string
	Examples   []float64
}

// concrete returns the routes of champions in the document, by path.
func (a *api) concrete(t *testing.T) map[string]concrete {
	t.Helper()
	_, raw := a.document(t)
	var d struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	found := map[string]concrete{}
	for path, item := range d.Paths {
		if !a.isOfChampion("post", path) {
			continue
		}
		var op concrete
		if err := json.Unmarshal(item["post"], &op); err != nil {
			t.Fatal(err)
		}
		found[path] = op
	}
	return found
}

func TestOpenAPI_describesWhatIsServed(t *testing.T) {
	a := newAPI(t)
	found := a.concrete(t)
	ids := map[string]bool{}
	for _, served := range a.Cache.Champions() {
		name, schema := served.Version.Model, served.Model.Schema()
		op, ok := found["/"+name+"/predict"]
		if !ok {
			t.Errorf("%s is served and not described", name)
			continue
		}
		request := op.RequestBody.Content["application/json"]
		var example map[string]float64
		if err := json.Unmarshal(request.Example, &example); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(request.Schema.Required, schema.Features) || len(request.Schema.Properties) != len(schema.Features) {
			t.Errorf("%s takes %v, want %v", name, request.Schema.Required, schema.Features)
		}
		for _, feature := range schema.Features {
			p := request.Schema.Properties[feature]
			if p.Type != "number" || len(p.Examples) != 1 || p.Examples[0] != example[feature] {
				t.Errorf("%s of %s: %+v, want a number with the example", feature, name, p)
			}
		}
		response := op.Responses["200"].Content["application/json"]
		properties := response.Schema.Properties
		if !slices.Equal(properties["label"].Enum, schema.Classes) ||
			!slices.Equal(properties["model_version"].Enum, []string{served.Version.Number}) ||
			!slices.Equal(slices.Sorted(maps.Keys(properties["probabilities"].Properties)), schema.Classes) {
			t.Errorf("%s answers %+v, want classes %v of version %s", name, properties, schema.Classes, served.Version.Number)
		}
		if _, ok := op.Responses["default"].Content[problem.MediaType]; !ok {
			t.Errorf("%s has no problem", name)
		}
		// The route must answer the example as documented.
		var want, got any
		answer := a.do(t, "POST", "/"+name+"/predict", []byte(request.Example))
		if err := json.Unmarshal(answer.body, &got); err != nil || answer.status != 200 {
			t.Errorf("%s of its example: %s, %v", name, answer, err)
		}
		err := json.Unmarshal(response.Example, &want)
		if err != nil || !bytes.Equal(must(json.Marshal(got)), must(json.Marshal(want))) {
			t.Errorf("%s answers %s, the example is %s", name, answer.body, response.Example)
		}
		for _, field := range response.Schema.Required {
			if got.(map[string]any)[field] == nil {
				t.Errorf("%s lacks %s", answer.body, field)
			}
		}
		if ids[op.OperationID] {
			t.Errorf("%s is the id of two operations", op.OperationID)
		}
		ids[op.OperationID] = true
	}
	if len(ids) < 3 {
		t.Errorf("%d champions are described, want at least three", len(ids))
	}
}

func TestOpenAPI_followsTheChampion(t *testing.T) {
	a := newAPI(t)
	const name = "described"
	if _, ok := a.concrete(t)["/"+name+"/predict"]; ok {
		t.Fatal("described before it exists")
	}
	first, second := a.addVersion(
		t,
		name,
		[]byte(awkwardCSV),
		model.Spec{},
	), a.addVersion(
		t,
		name,
		dataset.IrisCSV(),
		model.Spec{},
	)
	for _, v := range []string{first.Number, second.Number} {
		a.world.promote(t, name, v)
		op := a.concrete(t)["/"+name+"/predict"]
		got := op.Responses["200"].Content["application/json"].Schema.Properties["model_version"].Enum
		if !slices.Equal(got, []string{v}) {
			t.Errorf("version %v is described, want %s", got, v)
		}
	}
	again, err := a.apiDocument.current()
	kept, _ := a.apiDocument.current()
	if err != nil || &again[0] != &kept[0] {
		t.Error("the document was encoded again although no champion has changed")
	}
}
