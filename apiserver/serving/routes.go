package serving

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
)

// PredictTemplate is the route of predictions of any model.
const PredictTemplate = "/{model}/predict"

// Routes returns the routes of predictions.
func (m *Models) Routes(docs apidoc.Schemas) []apidoc.Route {
	return []apidoc.Route{
		{Operation: predictOperation(docs, PredictTemplate, "The champion answers"), Handle: m.predictChampion},
		{Operation: predictOperation(docs, "/predict", "The champion answers"), Handle: m.predictChampion},
		{
			Operation: predictOperation(
				docs, "/{model}/versions/{version}/predict", "The version answers, champion or not"),
			Handle: m.predictVersion,
		},
	}
}

func predictOperation(docs apidoc.Schemas, path, who string) huma.Operation {
	rows := &huma.Schema{
		Type:        huma.TypeArray,
		Items:       RowSchema(),
		MinItems:    new(1),
		MaxItems:    new(MaxRows),
		Description: "rows, each answered in its place",
	}
	answer := docs.Answer("The prediction; a list of them for an array", Prediction{})
	media := answer.Content["application/json"]
	media.Schema = &huma.Schema{
		OneOf: []*huma.Schema{media.Schema, {Type: huma.TypeArray, Items: docs.Of(Prediction{})}},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict", path), Method: http.MethodPost, Path: path, Tags: []string{"predict"},
		Summary: "Classify one row, or an array of rows",
		Description: "A row is an object with a number for each feature of the model; other fields are skipped. " +
			who + "; the header `Model-Version` names it. All rows of an array are answered by the same version.",
		Parameters: apidoc.PathParameters(path),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{OneOf: []*huma.Schema{RowSchema(), rows}}, Example: ExampleRow,
		}}),
		Responses: map[string]*huma.Response{"200": answer},
	}
}

// RowSchema describes a row of any model.
func RowSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "feature: number"}
}

// ExampleRow is a row of the model iris.
var ExampleRow = map[string]any{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
