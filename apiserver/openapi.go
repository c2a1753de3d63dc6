package apiserver

import (
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/problem"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// The words of the OpenAPI document, in the order of the routes. What huma binds describes its own input and output;
// for
// the other routes both are described here.

const apiDescription = "Trains, versions, serves and batch-scores classifiers of tabular data. The model `iris` comes with it; " +
	"any CSV of numeric features with a class column makes another one. Errors are RFC 9457 problems."

var apiTags = []*huma.Tag{
	{Name: "predict", Description: "Ask a model: one row, or many."},
	inferenceTag,
	{Name: "train", Description: "Make a version of a model from a CSV."},
	{Name: "datasets", Description: "What models are trained on."},
	{Name: "models", Description: "What there is, and what is served."},
	{Name: "tasks", Description: "Jobs that take longer than a request."},
	{Name: "protocols", Description: "The protocols of other inference servers, for clients that speak them."},
	{Name: "server", Description: "The process itself."},
}

func (s *Server) trainingOperation(path string) huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "a CSV with a header and a class column"}
	return huma.Operation{
		OperationID: apidoc.OperationID("train", path),
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"train"},
		Summary:     "Train a version",
		Description: "The data is the part `file` of a form, a `text/csv` body, or an object named by `data_path`; without any, the bundled iris data. " +
			"The first training under a new name makes that model. A field is given once: as a parameter, or in JSON.",
		Parameters: append(apidoc.PathParameters(path), trainingQuery()...),
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{
			"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
				"request": {Type: huma.TypeString, Description: "before `file`: the JSON of a training, without its dataset"},
				"file":    file,
			}}},
			"text/csv": {Schema: file},
			"application/json": {
				Schema:  trainingJSON(),
				Example: map[string]any{"algorithm": "logistic_regression", "hyperparameters": map[string]any{"l2": 0.1}},
			},
		}},
		Responses: map[string]*huma.Response{"202": s.acceptedAnswer()},
	}
}

// trainingJSON is a training as JSON: what the query can say, and the rest.
func trainingJSON() *huma.Schema {
	var ofFamilies []*huma.Schema
	for _, d := range descriptions() {
		ofFamilies = append(ofFamilies, hyperparameters(d))
	}
	fields := map[string]*huma.Schema{
		"model": {Type: huma.TypeString, Description: "that of the path, if any"},
		"hyperparameters": {
			Type:        huma.TypeObject,
			AnyOf:       ofFamilies,
			Description: "of the algorithm; absent ones take their defaults",
		},
		"search": searchSchema(),
	}
	maps.Copy(fields, gateJSON())
	for _, p := range trainingQuery() {
		schema := *p.Schema
		schema.Description = p.Description
		fields[trainingParameters[p.Name].field] = &schema
	}
	fields["features"] = &huma.Schema{
		Type: huma.TypeArray, MinItems: of(1), UniqueItems: true, Items: &huma.Schema{Type: huma.TypeString},
		Description: "the columns to train on, in this order; all others but the class column are not read",
	}
	fields["class_weight"] = &huma.Schema{
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Enum: []any{"balanced"}},
			{
				Type:                 huma.TypeObject,
				MinProperties:        of(1),
				AdditionalProperties: &huma.Schema{Type: huma.TypeNumber, Minimum: of(0.001), Maximum: of(1000.0)},
			},
			{Type: "null"},
		},
		Description: "what a row of each class counts: balanced has every class count the same; a class that is left out counts 1",
	}
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: fields}
}

// gateJSON is what only the JSON of a training can say about its promotion.
func gateJSON() map[string]*huma.Schema {
	bounds := func(description string) *huma.Schema {
		metrics := make(map[string]*huma.Schema)
		for _, name := range model.MetricNames() {
			metrics[name] = &huma.Schema{Type: huma.TypeNumber}
		}
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: metrics, Description: description}
	}
	return map[string]*huma.Schema{
		"gate": {
			Type:                 huma.TypeObject,
			AdditionalProperties: false,
			Description:          "what the version must reach to be promoted, besides being no worse than the champion",
			Properties: map[string]*huma.Schema{
				"min": bounds("what a metric on the held-out rows must reach"),
				"max": bounds("what a metric on the held-out rows must not exceed"),
				"log_loss_tolerance": {
					Type: huma.TypeNumber, Minimum: of(0.0), Maximum: of(100.0), Default: workflows.DefaultLogLossTolerance,
					Description: "how much higher than the champion's the log loss may be",
				},
				"tolerance": {
					Type:        huma.TypeNumber,
					Minimum:     of(0.0),
					Maximum:     of(1.0),
					Default:     0,
					Description: "how much lower than the champion's the accuracy may be",
				},
			},
		},
		"tags": {
			Type:                 huma.TypeObject,
			AdditionalProperties: &huma.Schema{Type: huma.TypeString},
			MaxProperties:        of(20),
			Description:          "for the run and the version in MLflow: keys of up to 100 letters, digits and _ . -, values of up to 500 bytes",
		},
	}
}

func trainingQuery() []*huma.Param {
	algorithms := append(anyOf(model.Algorithms()), search.Auto)
	query := func(name, description string, schema *huma.Schema) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: schema}
	}
	return []*huma.Param{
		query(
			"algorithm",
			"what to fit",
			&huma.Schema{Type: huma.TypeString, Enum: algorithms, Default: workflows.DefaultAlgorithm},
		),
		query(
			"test_size",
			"share of the rows to hold out",
			&huma.Schema{
				Type:             huma.TypeNumber,
				ExclusiveMinimum: of(0.0),
				ExclusiveMaximum: of(1.0),
				Default:          workflows.DefaultTestSize,
			},
		),
		query(
			"seed",
			"of what is held out",
			&huma.Schema{Type: huma.TypeInteger, Minimum: of(0.0), Default: workflows.DefaultSeed},
		),
		query("label_column", "the class column; the model's, else the last one", &huma.Schema{Type: huma.TypeString}),
		query(
			"allow_schema_change",
			"take a CSV whose features are not those of the model",
			&huma.Schema{Type: huma.TypeBoolean, Default: false},
		),
		query(
			"features",
			"the columns to train on, as in the header of a CSV: a,b",
			&huma.Schema{Type: huma.TypeString, Examples: []any{"petal_length,petal_width"}},
		),
		query(
			"class_weight",
			"balanced has every class count the same in training; weights are sent as JSON",
			&huma.Schema{Type: huma.TypeString, Enum: []any{"balanced"}},
		),
		query(
			"cv_folds",
			"folds of a trial; given without a search, the spec is cross-validated before it is fitted",
			&huma.Schema{
				Type:     huma.TypeInteger,
				Minimum:  of(float64(search.MinFolds)),
				Maximum:  of(float64(search.MaxFolds)),
				Examples: []any{search.DefaultCVFolds},
			},
		),
		query(
			"repeats",
			"how often a trial is repeated with other folds",
			&huma.Schema{Type: huma.TypeInteger, Minimum: of(1.0), Maximum: of(float64(search.MaxRepeats))},
		),
		query(
			"promote",
			"who decides on the promotion: the gate, nobody, or the gate and then a person (POST /tasks/{task_id}/approve)",
			&huma.Schema{Type: huma.TypeString, Enum: anyOf(workflows.PromotePolicies()), Default: workflows.PromoteAuto},
		),
		query(
			"data_path",
			"an object that holds the CSV, s3://bucket/key; or the name of a dataset, or 12 digits or more that its digest begins with",
			&huma.Schema{Type: huma.TypeString, Examples: []any{"s3://iris/datasets/wine.csv"}},
		),
	}
}

func listTasksOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-tasks",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"tasks"},
		Summary:     "List tasks",
	}
}

func getTaskOperation(id, path string) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"tasks"},
		Summary:     "Get a task",
	}
}

func cancelTaskOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID:   "cancel-task",
		Method:        http.MethodDelete,
		Path:          path,
		Tags:          []string{"tasks"},
		DefaultStatus: http.StatusAccepted,
		Summary:       "Cancel a task",
		Description:   "The task stops in its own time: 202 and the task as it is now. One that has ended already is answered with 200.",
	}
}

func verdictOperation(verb, path string) huma.Operation {
	return huma.Operation{
		OperationID:   verb + "-task",
		Method:        http.MethodPost,
		Path:          path,
		Tags:          []string{"tasks"},
		DefaultStatus: http.StatusAccepted,
		Summary:       strings.ToUpper(verb[:1]) + verb[1:] + " the version a training waits with",
		Description: "For a training with `promote=manual` at the stage `waiting for approval`; the field `approval` of the task shows what there is to decide. " +
			"Without a verdict within 30 days it counts as rejected. 409 when the task waits for none.",
	}
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

func (s *Server) acceptedAnswer() *huma.Response {
	a := s.docs.Answer("The task was started", Accepted{})
	a.Headers = map[string]*huma.Param{
		"Location": {Description: "where to ask about it", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	return a
}

func of[T any](v T) *T { return &v }
