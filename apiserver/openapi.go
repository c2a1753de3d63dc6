package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/openinference"
	"iris/apiserver/problem"
)

// The parts of the OpenAPI document that several resources share. Each resource describes its own operations.

const apiDescription = "Trains, versions, serves and batch-scores classifiers of tabular data. " +
	"The model `iris` is bundled; any CSV of numeric features with a class column trains another model. " +
	"Errors are RFC 9457 problems."

var apiTags = []*huma.Tag{
	{Name: "predict", Description: "Predict one row or many."},
	openinference.Tag,
	{Name: "train", Description: "Train a version of a model from a CSV."},
	{Name: "datasets", Description: "The data that models are trained on."},
	{Name: "models", Description: "Models, their versions, and which version is served."},
	{Name: "tasks", Description: "Jobs that take longer than a request."},
	{Name: "protocols", Description: "Protocols of other inference servers, for their clients."},
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
			"200": {Description: "The document.", Content: map[string]*huma.MediaType{media: {}}},
		},
	}
}

// describeErrors adds the error response of an operation, unless its protocol has its own.
func describeErrors(docs apidoc.Schemas, op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	if op.Responses["default"] != nil {
		return
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem.",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: docs.Of(problem.Problem{})}},
	}
}

// keptByTask says for how long a request with an idempotency key is one task.
const keptByTask = "while Temporal remembers the task; a task that failed for no reason in the request is started again"

// keptByAnswer says for how long a request with an idempotency key has the same answer.
const keptByAnswer = "for at least a day; an error is not kept"

// acceptedAnswer describes the 202 response of a task that was started.
func acceptedAnswer(docs apidoc.Schemas) *huma.Response {
	a := docs.Answer("The task was started.", Accepted{})
	a.Headers = map[string]*huma.Param{
		"Location": {Description: "Where to follow the task.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	return a
}
