package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/workflows"
)

// temporal runs the temporal CLI as an operator would, and returns its output.
func (s *iris) temporal(args ...string) string {
	s.t.Helper()
	out, err := s.tryTemporal(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *iris) tryTemporal(args ...string) (string, error) {
	s.t.Helper()
	paths := testenv.Programs(s.t, stack.Temporal)
	var errors strings.Builder
	command := exec.CommandContext(s.t.Context(), paths.Temporal, append(args, "--address", s.addresses.Temporal)...)
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("temporal %s: %w\n%s%s", strings.Join(args, " "), err, out, errors.String())
	}
	return string(out), nil
}

func TestCLI_startsATraining(t *testing.T) {
	s := start(t)
	uri := s.put("given/by-hand.csv", noisyRows(1, 300))
	s.temporal(
		"workflow",
		"start",
		"--type",
		"Training",
		"--task-queue",
		"iris",
		"--workflow-id",
		"by-hand",
		"--input",
		`{"model":"by-hand","dataset_uri":"`+uri+`","algorithm":"logistic_regression","seed":7}`,
	)
	var result workflows.TrainingResult
	if err := s.await("by-hand", &result); err != nil {
		t.Fatal(err)
	}
	if result.Version != "1" || result.Gate.Decision != workflows.Promoted {
		t.Errorf("result %+v, want a first version, promoted", result)
	}
	var answer string
	eventually(t, "an answer to the query", func() bool { // the first query may time out on a busy machine
		var err error
		answer, err = s.tryTemporal("workflow", "query", "--workflow-id", "by-hand", "--type", "status", "--output", "json")
		return err == nil
	})
	var query struct {
		QueryResult []workflows.Status `json:"queryResult"`
	}
	if err := json.Unmarshal([]byte(answer), &query); err != nil || len(query.QueryResult) != 1 {
		t.Fatalf("%v in %s", err, answer)
	}
	if got := query.QueryResult[0]; got.State != workflows.Success || got.Training == nil ||
		got.Training.ModelID != "models:/by-hand/1" {
		t.Errorf("status %+v, want the success of models:/by-hand/1", got)
	}
}

func TestCLI_badInputFailsAtOnceAndSaysWhy(t *testing.T) {
	s := start(t)
	tests := map[string]struct {
		input string
		words string
	}{
		"misspelt field": {`{"model":"iris","algoritm":"decision_tree"}`, `unknown field "algoritm"`},
		"wrong type":     {`{"model":5}`, "cannot unmarshal number"},
		"no input":       {`{}`, "/model"},
		"local path":     {`{"model":"iris","dataset":"/etc/passwd"}`, "/dataset"},
		"missing object": {`{"model":"iris","dataset":"s3://iris/given/none.csv"}`, "does not exist"},
		"MLflow's":       {`{"model":"iris","dataset":"s3://mlflow/x"}`, "not open"},
		"bad rows": {
			`{"model":"clibad","dataset":"` + s.put("given/cli-bad.csv", []byte("x,side\n1,a\nhello,b\n")) + `"}`,
			"line 3",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := "cli-bad-" + strings.ReplaceAll(name, " ", "-")
			s.temporal(
				"workflow",
				"start",
				"--type",
				"Training",
				"--task-queue",
				"iris",
				"--workflow-id",
				id,
				"--input",
				test.input,
			)
			err := s.await(id, nil)
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("ended with %v, want a failure that says %q", err, test.words)
			}
			shown := s.temporal("workflow", "show", "--workflow-id", id)
			if !strings.Contains(shown, "WorkflowExecutionFailed") {
				t.Errorf("the CLI shows no failure:\n%s", shown)
			}
		})
	}
}

func TestCLI_cancelsATraining(t *testing.T) {
	s := connect(t) // no worker yet: the training must not end before it is cancelled
	s.temporal(
		"workflow",
		"start",
		"--type",
		"Training",
		"--task-queue",
		"iris",
		"--workflow-id",
		"to-cancel",
		"--input",
		`{"model":"to-cancel"}`,
	)
	s.temporal("workflow", "cancel", "--workflow-id", "to-cancel")
	s.run(t, s.RunWorker)
	if err := s.await("to-cancel", nil); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Errorf("ended with %v, want it cancelled", err)
	}
}

// Anybody may choose the id of a workflow.
func TestCLI_idThatIsNotASCII(t *testing.T) {
	s := start(t)
	const id = "été/日本"
	s.temporal("workflow", "start", "--type", "Training", "--task-queue", "iris", "--workflow-id", id, "--input",
		`{"model":"ete","dataset_uri":"`+s.put("given/ete.csv", noisyRows(2, 100))+`","algorithm":"gaussian_nb"}`)
	var result workflows.TrainingResult
	if err := s.await(id, &result); err != nil || result.Version != "1" {
		t.Fatalf("result %+v (%v), want a first version", result, err)
	}
	var status workflows.Status
	s.call("GET", "/tasks/"+url.PathEscape(id), "", nil).want(t, 200, &status)
	if status.State != workflows.Success || status.TaskID != id {
		t.Errorf("task %+v, want the success of %s", status, id)
	}
}
