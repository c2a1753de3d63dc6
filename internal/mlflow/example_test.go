package mlflow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"iris/internal/mlflow"
)

// play returns a server that answers requests, named by method and path, as MLflow does.
func play(answers map[string]string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			answer = "{}"
		}
		_, _ = io.WriteString(w, answer)
	}))
}

// CreateRun creates another run each time. A caller that may run again gives its run a unique tag and looks for it
// first.
func ExampleClient_FindRun() {
	server := play(map[string]string{
		"POST /api/2.0/mlflow/runs/search": `{"runs": []}`,
		"POST /api/2.0/mlflow/runs/create": `{"run": {"info": {"run_id": "5f0c", "status": "RUNNING"}}}`,
	})
	defer server.Close()
	ctx := context.Background()
	client := mlflow.New(mlflow.Options{URL: server.URL})

	run, err := client.FindRun(ctx, "1", "workflow.id", "train-iris-7")
	if errors.Is(err, mlflow.ErrNotExist) {
		run, err = client.CreateRun(ctx, mlflow.NewRun{
			ExperimentID: "1", Name: "train iris", Start: time.Now(),
			Tags: map[string]string{"workflow.id": "train-iris-7"},
		})
	}
	fmt.Println(run.ID, run.Status, err)
	// Output: 5f0c RUNNING <nil>
}

// A run collects params, metrics and tags, and ends with a status.
func ExampleClient_LogBatch() {
	server := play(nil)
	defer server.Close()
	ctx := context.Background()
	client := mlflow.New(mlflow.Options{URL: server.URL})

	err := client.LogBatch(ctx, "5f0c", mlflow.Batch{
		Params:  map[string]string{"algorithm": "decision_tree"},
		Metrics: []mlflow.Metric{{Key: "accuracy", Value: 0.97}},
	})
	fmt.Println(err)
	fmt.Println(client.UpdateRun(ctx, "5f0c", mlflow.RunFinished, time.Now()))
	// Output:
	// <nil>
	// <nil>
}

// An alias points at the version that serves.
func ExampleClient_GetAlias() {
	server := play(map[string]string{
		"GET /api/2.0/mlflow/registered-models/alias": `{"model_version": {"name": "iris", "version": "3",
			"source": "models:/m-0b1e", "tags": [{"key": "algorithm", "value": "decision_tree"}]}}`,
	})
	defer server.Close()
	client := mlflow.New(mlflow.Options{URL: server.URL})

	version, err := client.GetAlias(context.Background(), "iris", "champion")
	fmt.Println(version.Name, version.Version, version.LoggedModelID, version.Tags["algorithm"], err)
	// Output: iris 3 m-0b1e decision_tree <nil>
}

// errors.As finds MLflow's answer.
func ExampleError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run with id=5f0c not found"}`)
	}))
	defer server.Close()
	client := mlflow.New(mlflow.Options{URL: server.URL})

	_, err := client.GetRun(context.Background(), "5f0c")
	var answer *mlflow.Error
	fmt.Println(errors.As(err, &answer), errors.Is(err, mlflow.ErrNotExist))
	fmt.Println(answer.Status, answer.Code)
	// Output:
	// true true
	// 404 RESOURCE_DOES_NOT_EXIST
}

func ExampleQuote() {
	name, ok := mlflow.Quote("iris")
	fmt.Println("name = "+name, ok)
	_, ok = mlflow.Quote(`both ' and "`)
	fmt.Println(ok)
	// Output:
	// name = 'iris' true
	// false
}
