package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// A search runs on two worker processes, and one of them is killed in the middle of a trial. The search still
// ends with a result and a finished run for each trial, and with one version.
func TestSearch_aWorkerProcessIsKilled(t *testing.T) {
	s := connect(t)
	program := buildIris(t)
	victim := s.startWorkerProcess(t, program)
	s.startWorkerProcess(t, program)

	const trials = 30
	id := s.startTraining("killed-search", workflows.TrainingInput{
		Model:      "killed",
		DatasetURI: s.put("given/killed.csv", noisyRows(41, 4000)),
		Algorithm:  model.RandomForest,
		CVFolds:    new(2),
		Search: &search.Request{
			Method: search.Random,
			Metric: search.LogLoss,
			Budget: new(trials),
			Space: map[string]search.Dimension{
				"n_trees":       {Range: &search.Range{Min: new(40.0), Max: new(80.0)}},
				"min_rows_leaf": {Range: &search.Range{Min: new(1.0), Max: new(20.0)}},
			},
		},
	})
	eventually(t, "a trial on the worker that is to die", func() bool { return s.computes(t, id, victim) })
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	var result workflows.TrainingResult
	if err := s.await(id, &result); err != nil {
		t.Fatal(err)
	}
	if r := result.Search; r.Done != trials || r.Failed != 0 || len(r.Trials) != trials || result.Version != "1" {
		t.Fatalf("search %+v of version %s, want %d results and version 1", r.SearchProgress, result.Version, trials)
	}
	for _, trial := range result.Search.Trials {
		if trial.Score == nil || trial.RunID == "" {
			t.Errorf("trial %+v, want a score and a run", trial)
		}
	}
	versions, err := s.Registry.Versions(t.Context(), "killed")
	if err != nil || len(versions) != 1 {
		t.Errorf("%d versions (%v), want one", len(versions), err)
	}
	children := s.children(t, result.ExperimentID, result.RunID)
	seen := map[string]bool{}
	for _, run := range children {
		if run.Info.Status != string(mlflow.RunFinished) || seen[run.Info.Name] {
			t.Errorf("run %s of %s is %s, want one run a trial, finished", run.Info.ID, run.Info.Name, run.Info.Status)
		}
		seen[run.Info.Name] = true
	}
	if len(children) != trials {
		t.Errorf("%d child runs, want %d", len(children), trials)
	}
}

// startWorkerProcess starts a worker in its own process. The end of the test kills it.
func (s *iris) startWorkerProcess(t *testing.T, program string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "worker") // killed when the context of the test ends
	command.Env = s.environment(t.TempDir(), "IRIS_COMPUTE_SLOTS=2")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the error says that it was killed
	return command
}

// computes reports whether a worker process is running a trial.
func (s *iris) computes(t *testing.T, id string, worker *exec.Cmd) bool {
	t.Helper()
	described, err := s.Temporal.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		return false
	}
	for _, activity := range described.GetPendingActivities() {
		if activity.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED &&
			activity.GetActivityType().GetName() == "RunTrial" &&
			strings.HasPrefix(activity.GetLastWorkerIdentity(), fmt.Sprintf("%d@", worker.Process.Pid)) {
			return true
		}
	}
	return false
}

// childRun is a run in an answer of MLflow's search.
type childRun struct {
	Info struct {
		ID     string `json:"run_id"`
		Name   string `json:"run_name"`
		Status string `json:"status"`
	} `json:"info"`
}

// children returns the child runs of a run, from MLflow.
func (s *iris) children(t *testing.T, experiment, parent string) []childRun {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"experiment_ids": []string{experiment}, "filter": "tags.`mlflow.parentRunId` = '" + parent + "'", "max_results": 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		s.addresses.MLflow+"/api/2.0/mlflow/runs/search",
		bytes.NewReader(body),
	)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	var answer struct {
		Runs []childRun `json:"runs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", response.StatusCode, err)
	}
	return answer.Runs
}
