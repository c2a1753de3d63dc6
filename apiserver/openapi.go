package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/openinference"
	"iris/apiserver/problem"
)

// The words of the OpenAPI document, in the order of the routes. What huma binds describes its own input and output;
// for
// the other routes both are described here.

const apiDescription = "Trains, versions, serves and batch-scores classifiers of tabular data. The model `iris` comes with it; " +
	"any CSV of numeric features with a class column makes another one. Errors are RFC 9457 problems."

var apiTags = []*huma.Tag{
	{Name: "predict", Description: "Ask a model: one row, or many."},
	openinference.Tag,
	{Name: "train", Description: "Make a version of a model from a CSV."},
	{Name: "datasets", Description: "What models are trained on."},
	{Name: "models", Description: "What there is, and what is served."},
	{Name: "tasks", Description: "Jobs that take longer than a request."},
	{Name: "protocols", Description: "The protocols of other inference servers, for clients that speak them."},
	{Name: "server", Description: "The process itself."},
}

func statusOperation(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"server"}, Summary: summary}
}

func documentOperation(id, path, summary, media string) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"server"},
		Summary:     summary,
		Parameters:  apidoc.PathParameters(path),
		Responses: map[string]*huma.Response{
			"200": {Description: "The document", Content: map[string]*huma.MediaType{media: {}}},
		},
	}
}

// describeErrors adds what every operation may answer.
func (s *Server) describeErrors(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	if op.Responses["default"] != nil {
		return // of a protocol that has its own
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: s.docs.Of(problem.Problem{})}},
	}
}

// acceptedAnswer describes the 202 response of a task that was started.
func acceptedAnswer(docs apidoc.Schemas) *huma.Response {
	a := docs.Answer("The task was started.", Accepted{})
	a.Headers = map[string]*huma.Param{
		"Location": {Description: "Where to follow the task.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	return a
}
