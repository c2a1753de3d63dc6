package mlflowscoring

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/serving"
)

func pingOperation(docs apidoc.Schemas, path string) huma.Operation {
	return operation(docs, huma.Operation{
		OperationID: "mlflow-" + strings.TrimPrefix(path, "/"), Method: http.MethodGet, Path: path,
		Summary: "Can the default model be asked? (MLflow, SageMaker)",
	}, &huma.Response{Description: "An empty line"})
}

func versionOperation(docs apidoc.Schemas, path string) huma.Operation {
	return operation(docs, huma.Operation{
		OperationID: "mlflow-version", Method: http.MethodGet, Path: path,
		Summary: "The MLflow whose scoring protocol this is",
	}, &huma.Response{Description: "Its number, bare"})
}

func invocationsOperation(docs apidoc.Schemas, path string) huma.Operation {
	fields := map[string]*huma.Schema{
		formSplit: {
			Type:                 huma.TypeObject,
			AdditionalProperties: true,
			Description:          "`columns`, `data` (rows) and perhaps `index`",
		},
		formRecords:   {Type: huma.TypeArray, Items: serving.RowSchema(), Description: "the rows as objects"},
		formInstances: {Description: "the rows as objects, or columns as in `inputs`"},
		formInputs:    {Description: "an object of columns, or the rows as objects"},
		"params": {
			Type: huma.TypeObject, Description: "`threshold`; others are ignored", AdditionalProperties: true,
			Properties: map[string]*huma.Schema{serving.ThresholdName: serving.ThresholdSchema()},
		},
	}
	return operation(docs, huma.Operation{
		OperationID: apidoc.OperationID("invoke", path),
		Method:      http.MethodPost,
		Path:        path,
		Summary:     "Classify rows by the MLflow scoring protocol",
		Description: "As `mlflow models serve` of the same version: JSON with exactly one of the four forms, or a CSV with " +
			"a header.",
		Parameters: append(apidoc.PathParameters(path), serving.OnUnseenParameter(), serving.ThresholdParameter()),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{
			"application/json": {
				Schema:  &huma.Schema{Type: huma.TypeObject, Properties: fields},
				Example: map[string]any{formRecords: []any{serving.ExampleRow}},
			},
			csvMedia: {Schema: &huma.Schema{
				Type: huma.TypeString, Description: "a header with the names of the features, then the rows",
			}},
		}),
	}, serving.DescribePredictions())
}

func operation(docs apidoc.Schemas, op huma.Operation, good *huma.Response) huma.Operation {
	op.Tags = []string{"protocols"}
	op.Responses = map[string]*huma.Response{
		"200": good, "default": docs.Answer("What is wrong, as the protocol says it", mlflowError{}),
	}
	return op
}
