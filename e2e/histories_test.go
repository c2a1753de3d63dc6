package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"iris/internal/objstore"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// TestHistories takes every path through the workflows on the real servers. If IRIS_HISTORIES names a folder, as in
// `make histories`, it also records the histories there, for the replay test of package workflows.
func TestHistories(t *testing.T) {
	s := start(t)
	clean := s.put("given/history.csv", noisyRows(21, 900))
	other := s.put(
		"given/history-other.csv",
		[]byte(strings.Replace(string(noisyRows(22, 300)), "x,y,side", "x,z,side", 1)),
	)
	ragged := s.put("given/history-bad.csv", []byte("x,y,side\n1,2,left\n3,right\n"))
	rows := s.putRows("given/history-rows.csv", "x,y\n1,2\n-3,-4\n")
	badRows := s.putRows("given/history-bad-rows.csv", "x,y\n1,2\nx,4\n")

	in := workflows.TrainingInput{Model: "history", Algorithm: model.LogisticRegression, DatasetURI: clean}
	tree, broken, changed := in, in, in
	searched, automatic := in, in
	searched.Search = &search.Request{Method: search.Grid, Folds: new(3), Space: map[string]search.Dimension{
		"l2": {Values: []json.RawMessage{json.RawMessage("1"), json.RawMessage("10")}},
	}}
	automatic.Algorithm = search.Auto
	tree.Algorithm = model.DecisionTree
	broken.DatasetURI = ragged
	changed.DatasetURI, changed.AllowSchemaChange = other, true

	scored := workflows.BatchInput{Model: "history", ModelID: "1", Rows: rows, Count: 2}
	someBad := workflows.BatchInput{Model: "history", ModelID: "1", Rows: badRows}
	strict := workflows.BatchInput{Model: "history", ModelID: "1", Rows: badRows, MaxErrorRatio: new(0.0)}
	unknown := workflows.BatchInput{Model: "history", ModelID: "99", Rows: rows}
	promotion := workflows.PromotionInput{Model: "history", Version: "2", Actor: "history", Reason: "by hand"}
	refused := workflows.PromotionInput{Model: "history", Version: "1", Expected: new("1"), Actor: "history"}

	for _, path := range []struct {
		name     string
		workflow any
		in       any
		fails    string
	}{
		{"training-promoted", workflows.Training, in, ""},
		{"training-kept", workflows.Training, tree, ""},
		{"training-bad-dataset", workflows.Training, broken, "line 3"},
		{"training-bad-input", workflows.Training, workflows.TrainingInput{Model: "History"}, "/model"},
		{"training-needs-approval", workflows.Training, changed, ""},
		{"training-searched", workflows.Training, searched, ""},
		{"training-auto", workflows.Training, automatic, ""},
		{"batch-scored", workflows.BatchPrediction, scored, ""},
		{"batch-some-bad-rows", workflows.BatchPrediction, someBad, ""},
		{"batch-bad-rows", workflows.BatchPrediction, strict, "line 3"},
		{"batch-unknown-version", workflows.BatchPrediction, unknown, "99"},
		{"promotion-done", workflows.Promotion, promotion, ""},
		{"promotion-refused", workflows.Promotion, refused, ""},
		{"sweep-dry", workflows.Sweep, workflows.SweepSettings{DryRun: true}, ""},
	} {
		t.Run(path.name, func(t *testing.T) {
			_, err := s.Temporal.ExecuteWorkflow(
				t.Context(),
				client.StartWorkflowOptions{ID: path.name, TaskQueue: workflows.TaskQueue},
				path.workflow,
				path.in,
			)
			if err != nil {
				t.Fatal(err)
			}
			err = s.await(path.name, nil)
			if path.fails == "" && err != nil {
				t.Errorf("ended with %v", err)
			}
			if path.fails != "" && (err == nil || !strings.Contains(err.Error(), path.fails)) {
				t.Errorf("ended with %v, want a failure that says %q", err, path.fails)
			}
			s.record(path.name)
		})
	}
}

// A training that waits for a person ends in one of two ways.
func TestHistories_approval(t *testing.T) {
	s := start(t)
	in := workflows.TrainingInput{
		Model:      "history-manual",
		Algorithm:  model.LogisticRegression,
		DatasetURI: s.put("given/history-manual.csv", noisyRows(23, 300)),
		Promote:    workflows.PromoteManual,
		Gate:       &workflows.GateRules{Min: map[string]float64{"accuracy": 0.5}},
		Tags:       map[string]string{"team": "history"},
	}
	for id, update := range map[string]string{"training-approved": "approve", "training-rejected": "reject"} {
		s.startTraining(id, in)
		s.untilWaiting(id)
		s.temporal(
			"workflow",
			"update",
			"execute",
			"--workflow-id",
			id,
			"--name",
			update,
			"--input",
			`{"name":"ada","reason":"for the history"}`,
		)
		if err := s.await(id, nil); err != nil {
			t.Errorf("%s ended with %v", id, err)
		}
		s.record(id)
	}
}

// A task that is cancelled before a worker has started it ends at its first wait, so the history does not depend on
// timing.
func TestHistories_cancelled(t *testing.T) {
	s := connect(t)
	rows := s.putRows("given/cancelled-rows.csv", "x,y\n1,2\n")
	tasks := map[string][]any{
		"training-cancelled": {
			workflows.Training,
			workflows.TrainingInput{Model: "cancelled", Algorithm: model.LogisticRegression},
		},
		"batch-cancelled": {workflows.BatchPrediction, workflows.BatchInput{Model: "cancelled", ModelID: "1", Rows: rows}},
		// A promotion that is cancelled before it starts promotes nothing.
		"promotion-cancelled": {
			workflows.Promotion,
			workflows.PromotionInput{Model: "cancelled", Version: "1", Actor: "history"},
		},
	}
	for id, task := range tasks {
		options := client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}
		if _, err := s.Temporal.ExecuteWorkflow(t.Context(), options, task[0], task[1]); err != nil {
			t.Fatal(err)
		}
		if err := s.Temporal.CancelWorkflow(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.run(t, s.RunWorker)
	for id := range tasks {
		if err := s.await(id, nil); err == nil || !strings.Contains(err.Error(), "cancel") {
			t.Errorf("%s ended with %v, want it cancelled", id, err)
		}
		s.record(id)
	}
}

func (s *iris) putRows(key, rows string) objstore.Ref {
	s.t.Helper()
	ref, err := objstore.ParseURI(s.put(key, []byte(rows)))
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// record writes the history of a workflow to the folder in IRIS_HISTORIES, if it is set.
func (s *iris) record(id string) {
	s.t.Helper()
	folder := os.Getenv("IRIS_HISTORIES")
	if folder == "" {
		return
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	history := s.temporal("workflow", "show", "--workflow-id", id, "--output", "json")
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s.json", id)), []byte(history), 0o644); err != nil {
		s.t.Fatal(err)
	}
}
