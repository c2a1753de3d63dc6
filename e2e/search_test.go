package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"iris/internal/mlflow"
	"iris/workflows"
)

// A search that loses one of its two workers half-way loses no trial. Each trial has one result and one run, and the
// best one becomes one version.
func TestSearch_anotherWorkerTakesOver(t *testing.T) {
	s := start(t)
	stop := connectedWorker(t)
	data := s.put("given/searched.csv", noisyRows(31, 2000))
	body, err := json.Marshal(map[string]any{
		"dataset": data, "algorithm": "logistic_regression",
		"search": map[string]any{
			"method": "random",
			"budget": 30,
			"folds":  3,
			"metric": "accuracy",
			"space": map[string]any{
				"l2":             map[string]any{"min": 0.01, "max": 100, "log": true},
				"max_iterations": map[string]any{"min": 1, "max": 50},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var searching task
	s.call(http.MethodPost, "/searched/training", "application/json", body).want(t, http.StatusAccepted, &searching)
	var seen struct {
		Done, Total int
		Unit        string
		Search      *workflows.SearchProgress
	}
	eventually(t, "ten trials", func() bool {
		s.call(http.MethodGet, "/tasks/"+searching.ID, "", nil).want(t, http.StatusOK, &seen)
		return seen.Search != nil && seen.Search.Done >= 10
	})
	stop()
	if seen.Search.Total != 30 || seen.Search.Best == nil || seen.Search.Best.Score == nil {
		t.Errorf("half-way %+v, want 30 trials and the best so far", seen.Search)
	}

	var result workflows.TrainingResult
	if err := s.await(searching.ID, &result); err != nil {
		t.Fatal(err)
	}
	if r := result.Search; r.Done != 30 || r.Failed != 0 || len(r.Trials) != 30 || result.Version != "1" {
		t.Fatalf("search %+v of version %s, want 30 results and version 1", r.SearchProgress, result.Version)
	}
	runs := map[string]bool{}
	for i, trial := range result.Search.Trials {
		if trial.Name != fmt.Sprintf("trial-%d", i+1) || trial.Score == nil ||
			trial.Score.Mean > result.Search.Best.Score.Mean {
			t.Errorf("trial %d: %+v, want a score no better than the best, %+v", i+1, trial, result.Search.Best)
		}
		run, err := s.MLflow.FindRun(t.Context(), result.ExperimentID, "trial", result.RunID+"/"+trial.Name)
		if err != nil || run.ID != trial.RunID || run.Status != mlflow.RunFinished ||
			run.Tags["mlflow.parentRunId"] != result.RunID {
			t.Errorf("run of %s: %+v (%v), want it a finished child", trial.Name, run, err)
		}
		runs[run.ID] = true
	}
	if len(runs) != 30 {
		t.Errorf("%d child runs, want 30", len(runs))
	}
	versions, err := s.Registry.Versions(t.Context(), "searched")
	if err != nil || len(versions) != 1 {
		t.Errorf("%d versions (%v), want one", len(versions), err)
	}
	parent, err := s.MLflow.GetRun(t.Context(), result.RunID)
	if err != nil || parent.Metrics["cv_accuracy"] != result.Search.Best.Score.Mean ||
		parent.Tags["search.best_run"] != result.Search.Best.RunID {
		t.Errorf("run of the training %+v (%v), want the best trial in it", parent, err)
	}
}

// connectedWorker starts another worker with its own connections, as a second process would. The returned function
// stops it.
func connectedWorker(t *testing.T) (stop func()) {
	t.Helper()
	other := connect(t)
	return other.run(t, other.RunWorker)
}
