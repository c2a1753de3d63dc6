package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/serving"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

// The part of the OpenAPI document that is about batches.

func (s *Server) batchOperation(path string) huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "the rows; a CSV has a header"}
	options := batchOptions()
	withRows := batchOptions()
	withRows["data"] = &huma.Schema{
		Type:        huma.TypeArray,
		MinItems:    of(1),
		Items:       serving.RowSchema(),
		Description: "the rows; or data_path",
	}
	content := map[string]*huma.MediaType{
		"application/json": {
			Schema:  &huma.Schema{Type: huma.TypeObject, Properties: withRows},
			Example: map[string]any{"data": []any{serving.ExampleRow}},
		},
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
			"request": {
				Type:                 huma.TypeObject,
				Properties:           options,
				AdditionalProperties: false,
				Description:          "before `file`: what the JSON says, without the rows",
			},
			"file": {
				Type:        huma.TypeString,
				Format:      "binary",
				Description: "the rows, by its type or name CSV, JSON lines or Parquet, packed with gzip or not",
			},
		}}},
	}
	for media := range rowMedia {
		content[media] = &huma.MediaType{Schema: file}
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict-batch", path),
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"predict"},
		Summary:     "Classify many rows",
		Description: "The rows are `data` in JSON, each of which is checked before the task is started; or a file, which is stored as it arrives; " +
			"or objects that `data_path` names. A bad row of a file or an object is counted and named in the errors of the batch, and has no result. " +
			"The version is pinned at the start. A field is given once: as a parameter, or in JSON.",
		Parameters: append(append(apidoc.PathParameters(path), batchQuery()...), &huma.Param{
			Name:        idempotencyHeader,
			In:          "header",
			Schema:      &huma.Schema{Type: huma.TypeString, MinLength: of(1), MaxLength: of(255)},
			Description: "makes the request one task however often it is sent, for as long as Temporal remembers the task; 422 with other rows or options",
		}),
		RequestBody: apidoc.Body(content),
		Responses:   map[string]*huma.Response{"202": s.acceptedAnswer()},
	}
}

// batchOptions are the fields of a batch beside its rows.
func batchOptions() map[string]*huma.Schema {
	fields := map[string]*huma.Schema{
		"data_path": {
			Type:        huma.TypeString,
			Description: "an object that holds the rows, s3://bucket/key, or a prefix with a slash at its end for all objects under it, at most 1,000",
		},
		"format": {
			Type:        huma.TypeString,
			Enum:        anyOf([]rows.Format{rows.CSV, rows.JSONL, rows.Parquet}),
			Description: "of the objects; what their keys end in when absent, else csv",
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
	query := func(name, description string, schema *huma.Schema) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: schema}
	}
	return []*huma.Param{
		query(
			"model_id",
			"`3`, `models:/iris/3`, `models:/iris@champion`, `models:/m-ID` or `runs:/ID/model`; the champion when absent",
			&huma.Schema{Type: huma.TypeString},
		),
		query("key_columns", "columns of the rows that are passed through to the results as they stand", &huma.Schema{
			Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MaxItems: of(workflows.MaxKeyColumns),
		}),
		query(
			"output",
			"the format of the results as a file",
			&huma.Schema{Type: huma.TypeString, Enum: anyOf(scores.Formats()), Default: scores.CSV},
		),
		query("labels_only", "leaves the probabilities out", &huma.Schema{Type: huma.TypeBoolean, Default: false}),
		query(
			"max_error_ratio",
			"the share of bad rows above which the batch fails; no limit when absent, and 0 fails it at the first one",
			&huma.Schema{Type: huma.TypeNumber, Minimum: of(0.0), Maximum: of(1.0)},
		),
	}
}

// batchResultRoutes adds the routes of what a batch leaves behind, below the path of one.
func (s *Server) batchResultRoutes(path string) {
	s.plain(s.batchResultOperation(path), s.handleBatchResult)
	s.plain(s.batchRowsOperation(path+"/rows"), s.handleBatchRows)
	s.plain(s.batchFileOperation("get-batch-output", path+"/output", "Download the results of a batch",
		"The results as one file in the format that was asked for. Takes `Range` and `If-Range`.",
		"text/csv", "application/jsonl", "application/vnd.apache.parquet"), s.handleBatchOutput)
	s.plain(s.batchFileOperation(
		"get-batch-errors",
		path+"/errors",
		"Download what is wrong with the bad rows",
		"A CSV with the line, the column and the reason; of several objects, with the object. 404 when there are no bad rows. Takes `Range` and `If-Range`.",
		"text/csv",
	), s.handleBatchErrors)
	s.plain(s.batchJSONOperation(
		"get-batch-links",
		path+"/links",
		"Get links into the object store",
		"URLs that read the files from the object store itself, without a key of it, for an hour.",
		BatchLinks{},
	), s.handleBatchLinks)
	s.plain(s.batchJSONOperation("get-batch-manifest", path+"/manifest", "Get what a batch consists of",
		"Outlives the task.", BatchManifest{}), s.handleBatchManifest)
}

func (s *Server) batchResultOperation(path string) huma.Operation {
	list := &huma.Schema{
		Type:        huma.TypeArray,
		Items:       s.docs.Of(BatchRow{}),
		Description: "a result per row, in the order of the rows",
	}
	answer := s.docs.Answer("How far it is, or the results: a list, once all of them are there", BatchStatus{})
	media := answer.Content["application/json"]
	media.Schema = &huma.Schema{OneOf: []*huma.Schema{media.Schema, list}}
	answer.Headers = failedHeaders()
	return huma.Operation{
		OperationID: apidoc.OperationID("get-batch", path), Method: http.MethodGet, Path: path, Tags: []string{"predict"},
		Summary: "Get the results of a batch",
		Description: "More than 10,000 results are not sent as a list: the answer is a redirect to `output`. " +
			"`rows` has any number of them page by page.",
		Parameters: apidoc.PathParameters(path),
		Responses: map[string]*huma.Response{
			"200": answer,
			"303": {Description: "There are many: read them at `Location`", Headers: map[string]*huma.Param{
				"Location": {Description: "the route `output`", Schema: &huma.Schema{Type: huma.TypeString}},
			}},
		},
	}
}

func (s *Server) batchRowsOperation(path string) huma.Operation {
	operation := s.batchJSONOperation(
		"get-batch-rows",
		path,
		"Get the results of a batch page by page",
		"Each page costs the reading of its rows, wherever it is. A batch that was cancelled has the results that were finished by then.",
		BatchRows{},
	)
	operation.Parameters = append(
		operation.Parameters,
		&huma.Param{
			Name: "page_size", In: "query", Description: "at most so many; 0 is 100, and no page has more than 10,000",
			Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: of(0.0)},
		},
		&huma.Param{
			Name:        "page_token",
			In:          "query",
			Description: "next_page_token of the page before",
			Schema:      &huma.Schema{Type: huma.TypeString},
		},
	)
	operation.Responses["200"].Headers = failedHeaders()
	return operation
}

func (s *Server) batchJSONOperation(id, path, summary, description string, v any) huma.Operation {
	return huma.Operation{
		OperationID: apidoc.OperationID(
			id,
			path,
		),
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"predict"},
		Summary:     summary,
		Description: description + " 409 while the batch runs.",
		Parameters:  apidoc.PathParameters(path),
		Responses:   map[string]*huma.Response{"200": s.docs.Answer("What is there", v)},
	}
}

func (s *Server) batchFileOperation(id, path, summary, description string, mediaTypes ...string) huma.Operation {
	content := make(map[string]*huma.MediaType)
	for _, media := range mediaTypes {
		content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return huma.Operation{
		OperationID: apidoc.OperationID(
			id,
			path,
		),
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"predict"},
		Summary:     summary,
		Description: description + " 409 while the batch runs.",
		Parameters:  apidoc.PathParameters(path),
		Responses: map[string]*huma.Response{
			"200": {Description: "The file", Content: content},
			"206": {Description: "The part of it that `Range` asks for", Content: content},
			"416": {Description: "The file has no such part"},
		},
	}
}

func failedHeaders() map[string]*huma.Param {
	return map[string]*huma.Param{failedHeader: {
		Description: "bad rows, which have no results; a `Link` with `rel=\"errors\"` says where they are named",
		Schema:      &huma.Schema{Type: huma.TypeInteger},
	}}
}
