package chaos

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// kindOf names the kind of a request to a dependency. Ids are not part of a kind.
func kindOf(at dependency, r *http.Request) string {
	switch at {
	case mlflowDep:
		return mlflowKind(r)
	case s3Dep:
		return s3Kind(r)
	default:
		return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	}
}

var loggedModelPath = regexp.MustCompile(`^logged-models/m-[0-9a-f]+`)

func mlflowKind(r *http.Request) string {
	path := r.URL.Path[strings.Index(r.URL.Path, "/2.0/")+len("/2.0/"):]
	if strings.HasPrefix(path, "mlflow-artifacts/") {
		return r.Method + " artifact"
	}
	path = loggedModelPath.ReplaceAllString(strings.TrimPrefix(path, "mlflow/"), "logged-models/{id}")
	switch {
	case strings.HasSuffix(path, "/create") || strings.HasSuffix(path, "/search"):
		return path
	case r.Method == http.MethodPost && strings.Contains(path, "/") && path != "registered-models/alias":
		return path
	}
	return r.Method + " " + path
}

// s3Kind is the operation and the kind of object: the first segment of the key, and for batches also the name.
func s3Kind(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	operation := r.Method
	switch {
	case query.Has("list-type"):
		operation, key = "LIST", query.Get("prefix")
	case query.Has("uploads") && r.Method == http.MethodGet:
		operation, key = "LIST parts", query.Get("prefix")
	case query.Has("uploads"):
		operation = "create multipart"
	case query.Has("uploadId") && r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		operation = "copy part"
	case query.Has("uploadId") && r.Method == http.MethodPut:
		operation = "put part"
	case query.Has("uploadId") && r.Method == http.MethodPost:
		operation = "complete multipart"
	case query.Has("uploadId") && r.Method == http.MethodDelete:
		operation = "abort multipart"
	case query.Has("delete"):
		operation = "delete many"
	case r.Header.Get("X-Amz-Copy-Source") != "":
		operation = "COPY"
	case r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != "":
		if r.Method == http.MethodPut {
			operation = "PUT if"
		}
	}
	return operation + " " + objectKind(key)
}

var partNumber = regexp.MustCompile(`-\d{5}\.`)

func objectKind(key string) string {
	first, rest, nested := strings.Cut(key, "/")
	if !nested {
		return first
	}
	if first == "batches" {
		_, name, _ := strings.Cut(rest, "/")
		if strings.HasPrefix(name, "plan-") {
			name = "plan"
		}
		return strings.TrimSuffix(first+"/"+partNumber.ReplaceAllString(name, "-N."), "/")
	}
	if first == "models" || first == "datasets" {
		_, name, deep := strings.Cut(rest, "/")
		if deep && first == "datasets" {
			return first + "/view"
		}
		if deep {
			name, _, _ = strings.Cut(name, "/")
			return first + "/" + name
		}
	}
	return first
}

func TestKindOf(t *testing.T) {
	tests := []struct {
		at           dependency
		method, path string
		header, want string
	}{
		{mlflowDep, "POST", "/api/2.0/mlflow/runs/create", "", "runs/create"},
		{mlflowDep, "POST", "/api/2.0/mlflow/logged-models", "", "POST logged-models"},
		{mlflowDep, "PATCH", "/api/2.0/mlflow/logged-models/m-0a1b", "", "PATCH logged-models/{id}"},
		{mlflowDep, "PUT", "/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/x", "", "PUT artifact"},
		{mlflowDep, "DELETE", "/api/2.0/mlflow/registered-models/alias", "", "DELETE registered-models/alias"},
		{mlflowDep, "GET", "/api/2.0/mlflow/registered-models/search", "", "registered-models/search"},
		{s3Dep, "PUT", "/iris/uploads/training-x", "", "PUT uploads"},
		{s3Dep, "GET", "/iris/datasets/ab12.csv", "", "GET datasets"},
		{s3Dep, "GET", "/iris/datasets/ab12/v.json", "", "GET datasets/view"},
		{s3Dep, "PUT", "/iris/datasets/ab12.csv", "X-Amz-Copy-Source", "COPY datasets"},
		{s3Dep, "PUT", "/iris/models/x/champion.json", "If-Match", "PUT if models/champion.json"},
		{s3Dep, "PUT", "/iris/models/x/history/2026.json", "", "PUT models/history"},
		{s3Dep, "GET", "/iris?list-type=2&prefix=models/x/history/", "", "LIST models/history"},
		{s3Dep, "POST", "/iris/batches/b/output.csv?uploads=", "", "create multipart batches/output.csv"},
		{s3Dep, "PUT", "/iris/batches/b/output.csv?uploadId=1", "", "put part batches/output.csv"},
		{s3Dep, "PUT", "/iris/batches/b/output.csv?uploadId=1", "X-Amz-Copy-Source", "copy part batches/output.csv"},
		{s3Dep, "POST", "/iris/batches/b/output.csv?uploadId=1", "", "complete multipart batches/output.csv"},
		{s3Dep, "PUT", "/iris/batches/b/part-00003.csv", "", "PUT batches/part-N.csv"},
		{s3Dep, "PUT", "/iris/batches/b/plan-ab.json", "", "PUT batches/plan"},
		{
			temporalDep, "POST", "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution", "",
			"StartWorkflowExecution",
		},
	}
	for _, test := range tests {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "http://host"+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if test.header != "" {
			r.Header.Set(test.header, "x")
		}
		if got := kindOf(test.at, r); got != test.want {
			t.Errorf("%s %s %s is %q, want %q", test.method, test.path, test.header, got, test.want)
		}
	}
}
