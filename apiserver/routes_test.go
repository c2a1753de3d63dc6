package apiserver

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/model"
	"iris/workflows"
)

// parameter is a parameter in a path.
var parameter = regexp.MustCompile(`{[a-z_]+}`)

// walk calls visit for every route of the router.
func walk(t *testing.T, s *Server, visit func(method, path string)) {
	t.Helper()
	err := s.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		for _, method := range methods {
			visit(method, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A model may not have the name of the first segment of a route, because it could not be reached.
func TestRoutes_literalsAreReservedNames(t *testing.T) {
	a := newAPI(t)
	literals := 0
	walk(t, a.Server, func(_, path string) {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if first == "" || first == "{model}" {
			return
		}
		literals++
		if model.CheckName(first) == nil {
			t.Errorf("%s: %q is not in model.ReservedNames()", path, first)
		}
	})
	if literals < 10 {
		t.Errorf("only %d routes begin with a literal: is the walk complete?", literals)
	}
}

func TestRoutes_literalsComeFirst(t *testing.T) {
	a := newAPI(t)
	seenModel := ""
	walk(t, a.Server, func(_, path string) {
		switch {
		case strings.HasPrefix(path, "/{model}/") && !strings.HasSuffix(path, "/predict"):
			seenModel = path
		case seenModel != "" && !strings.HasPrefix(path, "/{model}/"):
			t.Errorf("%s comes after %s, which may match its requests", path, seenModel)
		}
	})
}

// document is the part of OpenAPI that the tests read.
type document struct {
	OpenAPI    string
	Info       struct{ Title, Version string }
	Tags       []struct{ Name string }
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]map[string]any }
}

type operation struct {
	OperationID string
	Summary     string
	Tags        []string
	Parameters  []struct {
		Name, In string
		Required bool
	}
	RequestBody struct {
		Content map[string]struct {
			Schema struct{ Properties map[string]any }
		}
	}
	Responses map[string]struct {
		Description string
		Content     map[string]any
	}
}

func (a *api) document(t *testing.T) (d document, raw []byte) {
	t.Helper()
	got := a.do(t, "GET", "/openapi.json", nil)
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", got.status, got.header.Get("Content-Type"))
	}
	if err := json.Unmarshal(got.body, &d); err != nil {
		t.Fatal(err)
	}
	return d, got.body
}

func TestOpenAPI_describesExactlyTheRoutes(t *testing.T) {
	a := newAPI(t)
	d, _ := a.document(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Version != "v1.2.3" {
		t.Errorf("OpenAPI %q of version %q", d.OpenAPI, d.Info.Version)
	}
	routes := map[string]bool{}
	walk(t, a.Server, func(method, path string) {
		key := strings.ToLower(method) + " " + path
		routes[key] = true
		op, ok := d.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not described", key)
			return
		}
		described := []string{}
		for _, p := range op.Parameters {
			if p.In == "path" {
				described = append(described, "{"+p.Name+"}")
			}
		}
		if !slices.Equal(described, parameter.FindAllString(path, -1)) && len(described) > 0 {
			t.Errorf("%s: described parameters %v", key, described)
		}
		if len(parameter.FindAllString(path, -1)) != len(described) {
			t.Errorf("%s: described parameters %v", key, described)
		}
		if op.Summary == "" || len(op.Tags) != 1 ||
			!slices.ContainsFunc(d.Tags, func(tag struct{ Name string }) bool { return tag.Name == op.Tags[0] }) {
			t.Errorf("%s: summary %q, tags %v", key, op.Summary, op.Tags)
		}
		wrong := problem.MediaType
		if protocolOf(path) != nil {
			wrong = "application/json"
		}
		if _, ok := op.Responses["default"].Content[wrong]; !ok || len(op.Responses) < 2 {
			t.Errorf("%s: responses %v, want a good one and one of %s", key, op.Responses, wrong)
		}
	})
	for path, item := range d.Paths {
		for method := range item {
			if !routes[method+" "+path] && !a.isOfChampion(method, path) {
				t.Errorf("%s %s is described and not a route", method, path)
			}
		}
	}
}

// isOfChampion reports whether a path is the prediction route of a champion.
func (a *api) isOfChampion(method, path string) bool {
	name, ok := strings.CutSuffix(strings.TrimPrefix(path, "/"), "/predict")
	var match mux.RouteMatch
	if !ok || a.Cache.Champion(name) == nil ||
		!a.router.Match(httptest.NewRequest(strings.ToUpper(method), path, nil), &match) {
		return false
	}
	template, err := match.Route.GetPathTemplate()
	return err == nil && template == serving.PredictTemplate
}

func TestOpenAPI_refersToExactlyItsSchemas(t *testing.T) {
	a := newAPI(t)
	d, raw := a.document(t)
	const prefix = `"$ref":"#/components/schemas/`
	used := map[string]bool{}
	for rest := string(raw); ; {
		_, after, found := strings.Cut(rest, prefix)
		if !found {
			break
		}
		name, _, _ := strings.Cut(after, `"`)
		used[name], rest = true, after
	}
	for name := range used {
		if d.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
	}
	for name := range d.Components.Schemas {
		if !used[name] {
			t.Errorf("schema %s is not used", name)
		}
	}
	for _, name := range []string{"Problem", "Task", "TrainingResult", "Prediction", "InferenceReply"} {
		if !used[name] {
			t.Errorf("schema %s is missing", name)
		}
	}
	if strings.Contains(string(raw), "$schema") {
		t.Error("the document speaks of $schema")
	}
}

func TestOpenAPI_describesEveryFieldOfATraining(t *testing.T) {
	a := newAPI(t)
	d, _ := a.document(t)
	for _, path := range []string{"/training", "/{model}/training"} {
		var described []string
		for _, p := range d.Paths[path]["post"].Parameters {
			if p.In == "query" {
				described = append(described, p.Name)
			}
		}
		slices.Sort(described)
		if want := slices.Sorted(maps.Keys(newTrainingRequest("").parameters())); !slices.Equal(described, want) {
			t.Errorf("%s: described %s, want %s", path, described, want)
		}
		fields := d.Paths[path]["post"].RequestBody.Content["application/json"].Schema.Properties
		for _, field := range reflect.VisibleFields(reflect.TypeFor[workflows.TrainingInput]()) {
			if field.Anonymous { // its fields follow
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if fields[name] == nil {
				t.Errorf("%s: field %s of the JSON is not described", path, name)
			}
			delete(fields, name)
		}
		delete(fields, "dataset_uri") // sets the dataset
		if len(fields) != 0 {
			t.Errorf("%s: fields %v are described and do not exist", path, fields)
		}
	}
}

func TestRoutes_unknownPaths(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{
		"/nothing/at/all", "//tasks", "/iris", "/iris/predict/batch/x/y", "/docs/secret.txt", "/docs/..%2fwebui.go",
		"/openapi.yaml", "/schemas/Task",
	} {
		t.Run(path, func(t *testing.T) { a.do(t, "GET", path, nil).problem(t, 404) })
	}
}

func TestRoutes_otherMethods(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct{ method, path, allow string }{
		{"GET", "/iris/predict", "POST"},
		{"GET", "/predict", "POST"},
		{"PUT", "/iris/training", "POST"},
		{"DELETE", "/iris/champion", "PUT"},
		{"POST", "/tasks", "GET, HEAD"},
		{"POST", "/tasks/x", "GET, DELETE, HEAD"},
		{"PATCH", "/", "GET, HEAD"},
		{"OPTIONS", "/models/", "GET, HEAD"},
		{"HEAD", "/iris/champion", "PUT"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got := a.do(t, test.method, test.path, nil)
			if test.method == "HEAD" {
				got.body = []byte(`{"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"a HEAD has no body"}`)
			}
			got.problem(t, http.StatusMethodNotAllowed)
			if allow := got.header.Get("Allow"); allow != test.allow {
				t.Errorf("Allow %q, want %q", allow, test.allow)
			}
		})
	}
}

func TestRoutes_head(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/", "/healthz", "/models", "/tasks/", "/openapi.json", "/docs"} {
		t.Run(path, func(t *testing.T) {
			got := a.do(t, "HEAD", path, nil)
			if got.status != 200 || len(got.body) != 0 {
				t.Errorf("%d with %d bytes, want 200 with none", got.status, len(got.body))
			}
		})
	}
}

func TestDocs(t *testing.T) {
	a := newAPI(t)
	page := a.do(t, "GET", "/docs/", nil)
	if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" ||
		page.header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	for _, file := range []string{"docs.css", "docs.js", "iris.svg"} {
		if !strings.Contains(string(page.body), "/docs/"+file) {
			t.Errorf("the page does not use %s", file)
		}
		got := a.do(t, "GET", "/docs/"+file, nil)
		if got.status != 200 || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", file, got.status)
		}
	}
}
