// Package apidoc has the parts of the OpenAPI document that routes share: answers, bodies and the parameters of a path.
// It knows no operation: each route describes itself.
package apidoc

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Route is an operation of the API with its handler.
type Route struct {
	Operation huma.Operation
	Handle    func(http.ResponseWriter, *http.Request) error
	Match     func(*http.Request) bool // nil: every request with the method and the path of the operation
}

// Schemas are the schemas of a document, which operations refer to.
type Schemas struct{ huma.Registry }

// Of returns a reference to the schema of the type of v.
func (s Schemas) Of(v any) *huma.Schema { return s.Schema(reflect.TypeOf(v), true, "") }

// Answer describes an answer that is JSON of the type of v.
func (s Schemas) Answer(description string, v any) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{"application/json": {Schema: s.Of(v)}},
	}
}

// Body describes a body that a request must have.
func Body(content map[string]*huma.MediaType) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: content}
}

// Query describes a parameter of a query.
func Query(name, description string, schema *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: description, Schema: schema}
}

// OperationID returns the id of an operation on a model: verb alone for a model in the path, verb-version for one of
// its versions, and verb-default for the default model.
func OperationID(verb, path string) string {
	switch {
	case strings.Contains(path, "{version}"):
		return verb + "-version"
	case pathParameter.FindString(path) == "{model}":
		return verb
	}
	return verb + "-default"
}

var pathParameter = regexp.MustCompile(`{[a-z_]+}`)

var pathParameterWords = map[string]string{
	"{model}":   "name of a model",
	"{version}": "number of a version, or an alias such as champion",
	"{task_id}": "what the 202 answered",
	"{file}":    "a file of the page",
}

// PathParameters describes the parameters in a path.
func PathParameters(path string) (params []*huma.Param) {
	for _, name := range pathParameter.FindAllString(path, -1) {
		params = append(params, &huma.Param{
			Name:        name[1 : len(name)-1],
			In:          "path",
			Required:    true,
			Description: pathParameterWords[name],
			Schema:      &huma.Schema{Type: huma.TypeString},
		})
	}
	return params
}
