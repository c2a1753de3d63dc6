package apiserver

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestKServeV1_predicts(t *testing.T) {
	a := newAPI(t)
	both := []string{"setosa", "virginica"}
	for _, test := range []struct {
		path, body, version string
		want                []string
	}{
		{"iris:predict", `{"instances":[` + setosa + `,` + virginica + `]}`, "iris/1", both},
		{
			"iris:predict", `{"signature_name":"x","instances":[[5.1,3.5,1.4,0.2],[6.7,3,5.2,2.3]],"parameters":{}}`, "iris/1",
			both,
		},
		{"iris:predict", `{"instances":[[5.1,"3.5",1.4,0.2],` + virginica + `]}`, "iris/1", both},
		{"iris:predict", `{"instances":[]}`, "iris/1", nil},
		{"iris:predict/", `{"instances":[` + setosa + `]}`, "iris/1", both[:1]},
		{"iris%3Apredict", `{"instances":[` + setosa + `]}`, "iris/1", both[:1]},
		{"iris/versions/2%3apredict", `{"instances":[` + setosa + `]}`, "iris/2", both[:1]},
		{"iris/versions/2:predict", `{"instances":[` + setosa + `]}`, "iris/2", both[:1]},
		{"iris/versions/champion:predict", `{"instances":[` + setosa + `]}`, "iris/1", both[:1]},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) {
			got := a.do(t, "POST", "/v1/models/"+test.path, test.body, "Content-Type: application/x-www-form-urlencoded")
			var p predictions
			got.json(t, 200, &p)
			labels := p.labels(t)
			if !slices.Equal(labels, test.want) || p.Predictions == nil ||
				got.header.Get("Model-Version") != test.version {
				t.Errorf("%v by %s, want %v by %s", labels, got.header.Get("Model-Version"), test.want, test.version)
			}
		})
	}
}

func TestKServeV1_models(t *testing.T) {
	a := newAPI(t)
	var list struct{ Models []string }
	a.do(t, "GET", "/v1/models", nil).json(t, 200, &list)
	for _, name := range []string{awkwardModel, "iris", wineModel} {
		if !slices.Contains(list.Models, name) {
			t.Errorf("models %v, want %s among them", list.Models, name)
		}
	}
	if !slices.IsSorted(list.Models) || slices.Contains(list.Models, unpromotedModel) {
		t.Errorf("models %v, want those with a champion in order", list.Models)
	}
	for name, want := range map[string]bool{"iris": true, unpromotedModel: false} {
		var one struct {
			Name  string
			Ready bool
		}
		a.do(t, "GET", "/v1/models/"+name, nil).json(t, 200, &one)
		if one.Name != name || one.Ready != want {
			t.Errorf("%+v, want %s with ready %v", one, name, want)
		}
	}
}

func TestKServeV1_badInput(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		name, method, path, contentType, body string
		status                                int
		words                                 string
	}{
		{name: "broken JSON", body: `{"instances":`, status: 400, words: "byte"},
		{name: "no object", body: `[]`, status: 400, words: "an array, want an object"},
		{name: "no instances", body: `{"inputs":[]}`, status: 400, words: "/instances: missing"},
		{name: "no array", body: `{"instances":{}}`, status: 400, words: "/instances: an object"},
		{name: "no row", body: `{"instances":[3]}`, status: 400, words: "/instances/0"},
		{name: "a short row", body: `{"instances":[[1,2,3]]}`, status: 400, words: "3 values, want 4"},
		{
			name: "a missing feature", body: `{"instances":[` + setosa + `,{}]}`, status: 400,
			words: "/instances/1/sepal_length: missing",
		},
		{
			name: "null in a row", body: `{"instances":[[1,2,null,3]]}`, status: 400,
			words: `column "petal_length", /instances/0/2: null`,
		},
		{name: "NaN", body: `{"instances":[[1,2,NaN,3]]}`, status: 400, words: "NaN is not finite"},
		{name: "text", body: `{"instances":[[1,2,"x",3]]}`, status: 400, words: `"x", want a number`},
		{name: "another type", body: "a,b\n", contentType: "text/csv", status: 400, words: "byte"},
		{name: "too large", body: `{"x":"` + strings.Repeat("x", DefaultMaxBody) + `"}`, status: 413, words: "larger"},
		{name: "an unknown model", path: "/v1/models/tulip:predict", body: `{}`, status: 404, words: "tulip"},
		{name: "an unknown version", path: "/v1/models/iris/versions/99:predict", body: `{}`, status: 404, words: "99"},
		{
			name: "an alias after the name", path: "/v1/models/iris@champion:predict", body: `{}`, status: 404,
			words: "iris@champion",
		},
		{name: "no champion", path: "/v1/models/unpromoted:predict", body: `{}`, status: 503, words: "no champion"},
		{name: "an unknown verb", path: "/v1/models/iris:explain", body: `{}`, status: 404, words: "nothing at"},
		{name: "an unknown model to get", method: "GET", path: "/v1/models/tulip", status: 404, words: "tulip"},
		{name: "a reserved name", method: "GET", path: "/v1/models/tasks", status: 404, words: "tasks"},
		{name: "another method", method: "GET", path: "/v1/models/iris:predict", status: 405, words: "POST"},
		{name: "another method of the list", method: "DELETE", path: "/v1/models", status: 405, words: "GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(
				t,
				cmp.Or(test.method, "POST"),
				cmp.Or(test.path, "/v1/models/iris:predict"),
				test.body,
				"Content-Type: "+cmp.Or(test.contentType, "application/json"),
			)
			var said struct{ Error string }
			got.json(t, test.status, &said)
			if !strings.Contains(said.Error, test.words) {
				t.Errorf("error %q, want it to say %q", said.Error, test.words)
			}
			if test.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
}
