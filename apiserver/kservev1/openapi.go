package kservev1

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/serving"
)

func operation(docs apidoc.Schemas, id, path, summary string, answer any) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"protocols"}, Summary: summary + " (KServe V1)",
		Parameters: apidoc.PathParameters(path),
		Responses:  responses(docs, docs.Answer("As KServe answers", answer)),
	}
}

func predictOperation(docs apidoc.Schemas, path string) huma.Operation {
	row := &huma.Schema{
		OneOf: []*huma.Schema{serving.RowSchema(), {Type: huma.TypeArray, Items: &huma.Schema{}}},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict-v1", path),
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"protocols"},
		Summary:     "Classify rows (KServe V1)",
		Description: "Each instance is an object with a value for each feature, or an array of the values in the order " +
			"of the features.",
		Parameters: append(apidoc.PathParameters(path), serving.OnUnseenParameter(), serving.ThresholdParameter()),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{instancesName}, Properties: map[string]*huma.Schema{
				instancesName: {Type: huma.TypeArray, Items: row},
				parametersName: {
					Type: huma.TypeObject, Description: "`threshold`; others are ignored", AdditionalProperties: true,
					Properties: map[string]*huma.Schema{serving.ThresholdName: serving.ThresholdSchema()},
				},
			}},
			Example: map[string]any{instancesName: []any{serving.ExampleRow}},
		}}),
		Responses: responses(docs, serving.DescribePredictions()),
	}
}

func responses(docs apidoc.Schemas, good *huma.Response) map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": good, "default": docs.Answer("What is wrong, as the protocol says it", kserveError{}),
	}
}
