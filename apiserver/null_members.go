package apiserver

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/problem"
)

// withoutNulls refuses a body that has null where the schema does not allow it. huma takes null for a field that was
// left out, but a client that sends {"tags":null} may mean to remove all tags.
func (r *router) withoutNulls(schema *huma.Schema, next http.Handler) http.Handler {
	if schema.Ref != "" {
		schema = r.docs.SchemaFromRef(schema.Ref)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err == nil {
			err = refuseNulls(schema, body)
		}
		if err != nil {
			r.handler.Fail(w, req, err)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, req)
	})
}

// refuseNulls returns the problem of the first member that is null and may not be. A body that is not an object is
// huma's to refuse.
func refuseNulls(schema *huma.Schema, body []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		property := schema.Properties[name]
		if property != nil && !property.Nullable && string(members[name]) == "null" {
			at := memberFault(name)
			at.Detail = "is null: leave it out, or give it a value"
			return problem.Invalid(at)
		}
	}
	return nil
}
