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

func listDatasetsOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-datasets",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"datasets"},
		Summary:     "List datasets",
	}
}

func (s *Server) uploadDatasetOperation(path string) huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "a CSV with a header and a class column"}
	return huma.Operation{
		OperationID: "upload-dataset",
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"datasets"},
		Summary:     "Keep a CSV as a dataset",
		Description: "It is checked by the rules of a training, and none is started. The same bytes are the same dataset, however often they are sent.",
		Parameters: []*huma.Param{
			{
				Name:        "label_column",
				In:          "query",
				Description: "the class column; the last one when absent",
				Schema:      &huma.Schema{Type: huma.TypeString},
			},
			{
				Name:        "name",
				In:          "query",
				Description: "a name to add: 1 to 100 letters, digits and _ . -",
				Schema:      &huma.Schema{Type: huma.TypeString},
			},
			{
				Name:        "tag",
				In:          "query",
				Description: "a tag to set, key:value; may be repeated",
				Schema:      &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
			},
		},
		RequestBody: apidoc.Body(map[string]*huma.MediaType{
			"multipart/form-data": {
				Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": file}},
			},
			"text/csv": {Schema: file},
		}),
		Responses: map[string]*huma.Response{
			"201": s.docs.Answer("The dataset is kept; Location names it", DatasetUploaded{}),
		},
	}
}

func getDatasetOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "get-dataset",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"datasets"},
		Summary:     "Get a dataset and what was trained on it",
		Description: "Any beginning of the digest that no other dataset has, of 12 digits at least; 409 when several have it.",
	}
}

func patchDatasetOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "patch-dataset",
		Method:      http.MethodPatch,
		Path:        path,
		Tags:        []string{"datasets"},
		Summary:     "Name and tag a dataset",
		Description: "What is not mentioned stays: of two who change different names and tags at once, none loses anything.",
	}
}

func listModelsOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-models",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "List models",
	}
}

func listVersionsOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-versions",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "List the versions of a model",
	}
}

func getVersionOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "get-version",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "Get a version of a model",
	}
}

func promoteOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "promote",
		Method:      http.MethodPut,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "Make a version the champion",
		Description: "This process serves it before it answers, every other one within 2 s. The promotions of a model happen one after the other.",
	}
}

func rollbackOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID:   "rollback",
		Method:        http.MethodPost,
		Path:          path,
		Tags:          []string{"models"},
		DefaultStatus: http.StatusOK,
		Summary:       "Restore the champion before this one",
		Description: "The version with the alias `previous` becomes the champion, as by any promotion, and the champion `previous`: " +
			"a second rollback undoes the first. 409 when there was no champion before, or when another promotion came first.",
	}
}

func historyOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "get-history",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"models"},
		Summary:     "List the changes of champion",
	}
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
