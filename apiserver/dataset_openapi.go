package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/idempotency"
)

func listDatasetsOperation(path string) huma.Operation {
	return datasetOperation("list-datasets", http.MethodGet, path, "List datasets", "")
}

func getDatasetOperation(path string) huma.Operation {
	return datasetOperation("get-dataset", http.MethodGet, path, "Get a dataset and what was trained on it",
		"The digest may be shortened to 12 or more of its first digits. If several datasets have these, the answer is 409.")
}

func patchDatasetOperation(path string) huma.Operation {
	return datasetOperation(
		"patch-dataset",
		http.MethodPatch,
		path,
		"Name and tag a dataset, and say what its columns are",
		"What the request does not mention stays. Concurrent requests that change different things do "+
			"not overwrite each other.",
	)
}

func datasetBatchesOperation(path string) huma.Operation {
	return datasetOperation(
		"list-dataset-batches", http.MethodGet, path, "List the batches whose rows were a dataset", "")
}

func uploadDatasetOperation(docs apidoc.Schemas, path string) huma.Operation {
	text := &huma.Schema{Type: huma.TypeString}
	op := datasetOperation("upload-dataset", http.MethodPost, path, "Keep a table as a dataset",
		"The file is CSV, JSON lines or Parquet, plain, in gzip, or the only file in a zip file. Iris keeps it as a plain "+
			"CSV. It is checked by the rules of a training, but no training starts. The same table is the same dataset.")
	op.Parameters = append(append(readingQuery(), cellQuery()...), []*huma.Param{
		apidoc.Query("label_column", "The class column; the default is the last column.", text),
		apidoc.Query("name", "A name to add: 1 to 100 letters, digits and _ . -", text),
		apidoc.Query("tag", "A tag to set, written key:value. The parameter may be repeated.",
			&huma.Schema{Type: huma.TypeArray, Items: text}),
		idempotency.Parameter(keptByAnswer),
	}...)
	op.RequestBody = apidoc.Body(withTables(map[string]*huma.MediaType{
		"multipart/form-data": {
			Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": tableFile()}},
		},
	}))
	op.Responses = map[string]*huma.Response{
		"201": docs.Answer("The dataset is kept. Location names it.", DatasetUploaded{}),
	}
	return op
}

func datasetOperation(id, method, path, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{"datasets"}, Summary: summary, Description: description,
	}
}
