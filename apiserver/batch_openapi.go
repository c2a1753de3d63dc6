package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/idempotency"
	"iris/apiserver/serving"
	"iris/internal/scores"
	"iris/workflows"
)

func batchOperation(docs apidoc.Schemas, path string) huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The rows. A CSV has a header."}
	options := batchOptions()
	withRows := batchOptions()
	withRows["data"] = &huma.Schema{
		Type:        huma.TypeArray,
		MinItems:    new(1),
		Items:       serving.RowSchema(),
		Description: "The rows, unless data_path names them.",
	}
	content := map[string]*huma.MediaType{
		"application/json": {
			Schema:  &huma.Schema{Type: huma.TypeObject, Properties: withRows},
			Example: map[string]any{"data": []any{serving.ExampleRow}},
		},
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
			"request": {
				Type: huma.TypeObject, Properties: options, AdditionalProperties: false,
				Description: "The JSON of a batch without its rows. Must come before `file`.",
			},
			"file": {
				Type: huma.TypeString, Format: "binary",
				Description: "The rows as CSV, JSON Lines or Parquet, by media type or file name. May be compressed with gzip.",
			},
		}}},
	}
	for media := range rowMedia {
		content[media] = &huma.MediaType{Schema: file}
	}
	return huma.Operation{
		OperationID: apidoc.OperationID(
			"predict-batch",
			path,
		),
		Method:  http.MethodPost,
		Path:    path,
		Tags:    []string{"predict"},
		Summary: "Classify many rows",
		Description: "The rows are `data` in JSON, a file, or objects that `data_path` names. " +
			"Rows in JSON are all checked before the task starts. A file is stored while it arrives. " +
			"A bad row of a file or an object has no result; the batch counts it and lists it among its errors. " +
			"The version is resolved when the batch starts and does not change after that. " +
			"Give each option once: as a parameter or in JSON.",
		Parameters:  append(append(apidoc.PathParameters(path), batchQuery()...), idempotency.Parameter(keptByTask)),
		RequestBody: apidoc.Body(content),
		Responses:   map[string]*huma.Response{"202": acceptedAnswer(docs)},
	}
}

// batchOptions describes the fields of a batch besides its rows.
func batchOptions() map[string]*huma.Schema {
	fields := map[string]*huma.Schema{
		"data_path": {
			Type: huma.TypeString,
			Description: "An object that holds the rows, s3://bucket/key. A prefix that ends in a slash means all objects " +
				"under it, at most 1,000.",
		},
		"format": {
			Type: huma.TypeString, Enum: anyOf([]scores.Format{scores.CSV, scores.JSONL, scores.Parquet}),
			Description: "The format of the objects. By default the file extensions decide, and csv if there are none.",
		},
	}
	for _, p := range batchQuery() {
		schema := *p.Schema
		schema.Description = p.Description
		fields[p.Name] = &schema
	}
	return fields
}

func batchQuery() []*huma.Param {
	return []*huma.Param{
		apidoc.Query(
			"model_id",
			"`3`, `models:/iris/3`, `models:/iris@champion`, `models:/m-ID` or `runs:/ID/model`. The champion by default.",
			&huma.Schema{Type: huma.TypeString},
		),
		apidoc.Query("key_columns", "Columns of the rows that are copied to the results.", &huma.Schema{
			Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MaxItems: new(workflows.MaxKeyColumns),
		}),
		apidoc.Query(
			"output",
			"The format of the results as a file.",
			&huma.Schema{Type: huma.TypeString, Enum: anyOf(scores.Formats()), Default: scores.CSV},
		),
		apidoc.Query(
			"labels_only",
			"Leaves out the probabilities.",
			&huma.Schema{Type: huma.TypeBoolean, Default: false},
		),
		apidoc.Query(
			"csv_safe",
			"Puts an apostrophe before each text of a CSV that a spreadsheet would take for a formula.",
			&huma.Schema{Type: huma.TypeBoolean, Default: false},
		),
		apidoc.Query(
			serving.OnUnseenName,
			"What becomes of a row with a text that training did not see in its column: `other` scores it as one with a "+
				"rare text, `error` makes it a bad row.",
			&huma.Schema{Type: huma.TypeString, Enum: []any{"other", "error"}, Default: "other"},
		),
		serving.ThresholdParameter(),
		apidoc.Query(
			"max_error_ratio",
			"The batch fails if a larger share of its rows is bad. 0 means that one bad row is enough. No limit by default.",
			&huma.Schema{Type: huma.TypeNumber, Minimum: new(0.0), Maximum: new(1.0)},
		),
	}
}

func batchResultOperation(docs apidoc.Schemas, path string) huma.Operation {
	list := &huma.Schema{
		Type: huma.TypeArray, Items: docs.Of(BatchRow{}), Description: "A result for each row, in the order of the rows.",
	}
	answer := docs.Answer("The progress, or a list of all results once the batch has ended.", BatchStatus{})
	media := answer.Content["application/json"]
	media.Schema = &huma.Schema{OneOf: []*huma.Schema{media.Schema, list}}
	answer.Headers = badRowsHeaders()
	return huma.Operation{
		OperationID: apidoc.OperationID("get-batch", path), Method: http.MethodGet, Path: path, Tags: []string{"predict"},
		Summary: "Get the results of a batch",
		Description: "If there are more than 10,000 results, the answer is a redirect to `output`. " +
			"`rows` has any number of results page by page.",
		Parameters: apidoc.PathParameters(path),
		Responses: map[string]*huma.Response{
			"200": answer,
			"303": {
				Description: "There are too many results for a list. Read them at `Location`.",
				Headers: map[string]*huma.Param{
					"Location": {Description: "The route `output`.", Schema: &huma.Schema{Type: huma.TypeString}},
				},
			},
		},
	}
}

func batchRowsOperation(docs apidoc.Schemas, path string) huma.Operation {
	operation := batchJSONOperation(docs, "get-batch-rows", path, "Get the results of a batch page by page",
		"Every page costs the same, wherever it is. A cancelled batch has the results that were finished.", BatchRows{})
	operation.Parameters = append(operation.Parameters,
		&huma.Param{
			Name: "page_size", In: "query", Description: "At most this many rows. 0 means 100; no page has more than 10,000.",
			Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0)},
		},
		&huma.Param{
			Name: "page_token", In: "query", Description: "The next_page_token of the page before.",
			Schema: &huma.Schema{Type: huma.TypeString},
		},
	)
	operation.Responses["200"].Headers = badRowsHeaders()
	return operation
}

func batchOutputOperation(path string) huma.Operation {
	return batchFileOperation("get-batch-output", path, "Download the results of a batch",
		"The results as one file, in the format that the request named. Supports `Range` and `If-Range`.",
		"text/csv", "application/jsonl", "application/vnd.apache.parquet")
}

func batchErrorsOperation(path string) huma.Operation {
	return batchFileOperation("get-batch-errors", path, "Download the bad rows of a batch",
		"A CSV with the line, the column and the reason, and the object if the batch reads several. "+
			"404 if every row is good. Supports `Range` and `If-Range`.",
		"text/csv")
}

func batchLinksOperation(docs apidoc.Schemas, path string) huma.Operation {
	return batchJSONOperation(docs, "get-batch-links", path, "Get links into the object store",
		"URLs that read the files from the object store itself. They need no key and are valid for an hour.", BatchLinks{})
}

func batchManifestOperation(docs apidoc.Schemas, path string) huma.Operation {
	return batchJSONOperation(docs, "get-batch-manifest", path, "Get the manifest of a batch",
		"Describes the results. It outlives the task.", BatchManifest{})
}

func batchJSONOperation(docs apidoc.Schemas, id, path, summary, description string, v any) huma.Operation {
	return endedBatchOperation(id, path, summary, description, map[string]*huma.Response{"200": docs.Answer("OK", v)})
}

func batchFileOperation(id, path, summary, description string, mediaTypes ...string) huma.Operation {
	content := make(map[string]*huma.MediaType)
	for _, media := range mediaTypes {
		content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return endedBatchOperation(id, path, summary, description, map[string]*huma.Response{
		"200": {Description: "The file.", Content: content},
		"206": {Description: "The part of the file that `Range` requests.", Content: content},
		"416": {Description: "The file has no such part."},
	})
}

// endedBatchOperation describes a route that answers after the batch has ended.
func endedBatchOperation(
	id, path, summary, description string, responses map[string]*huma.Response,
) huma.Operation {
	return huma.Operation{
		OperationID: apidoc.OperationID(id, path), Method: http.MethodGet, Path: path, Tags: []string{"predict"},
		Summary: summary, Description: description + " 409 while the batch runs.",
		Parameters: apidoc.PathParameters(path), Responses: responses,
	}
}

func badRowsHeaders() map[string]*huma.Param {
	return map[string]*huma.Param{badRowsHeader: {
		Description: "The number of bad rows, which have no result. " +
			"A `Link` with `rel=\"errors\"` says where they are listed.",
		Schema: &huma.Schema{Type: huma.TypeInteger},
	}}
}
