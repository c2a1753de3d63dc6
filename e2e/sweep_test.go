package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"iris/internal/app"
	"iris/internal/mlflow"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

// A training that Temporal ended or forgot leaves neither a run that stays RUNNING nor an unknown task. One that was
// reset runs on.
func TestSweep(t *testing.T) {
	a := testenv.All(t)
	c := config(a)
	c.Sweep = app.SweepConfig{Interval: 24 * time.Hour, Grace: time.Nanosecond, Leftovers: 24 * time.Hour}
	s := startConfigured(t, a, c)

	schedule := s.Temporal.ScheduleClient().GetHandle(t.Context(), "iris-sweep")
	eventually(t, "the schedule", func() bool {
		_, err := schedule.Describe(t.Context())
		return err == nil
	})
	described, err := schedule.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if every := described.Schedule.Spec.Intervals; len(every) != 1 || every[0].Every != c.Sweep.Interval ||
		described.Schedule.Policy.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP {
		t.Errorf("the schedule is %+v with %+v, want one a day without overlap", every, described.Schedule.Policy)
	}

	const modelName = "swept"
	experiment, err := s.MLflow.EnsureExperiment(t.Context(), modelName)
	if err != nil {
		t.Fatal(err)
	}
	data := s.put("given/swept.csv", noisyRows(10, 300))
	runs := map[string]mlflow.Run{}
	for _, id := range []string{"swept-terminated", "swept-deleted", "swept-reset", "swept-waiting"} {
		s.startTraining(id, workflows.TrainingInput{
			Model: modelName, Algorithm: model.LogisticRegression, DatasetURI: data, Promote: workflows.PromoteManual,
		})
		s.untilWaiting(id)
		if runs[id], err = s.MLflow.FindRun(t.Context(), experiment, "temporal.workflow_id", id); err != nil {
			t.Fatal(err)
		}
	}
	execution := func(id string) *commonpb.WorkflowExecution { return &commonpb.WorkflowExecution{WorkflowId: id} }
	if err := s.Temporal.TerminateWorkflow(t.Context(), "swept-terminated", "", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Temporal.WorkflowService().DeleteWorkflowExecution(t.Context(),
		&workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: execution("swept-deleted"),
		}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: execution("swept-reset"), Reason: "test", RequestId: "swept-reset",
		WorkflowTaskFinishEventId: 4,
	}); err != nil {
		t.Fatal(err)
	}
	s.untilWaiting("swept-reset")
	eventually(t, "Temporal to forget a task", func() bool {
		_, err := s.Temporal.DescribeWorkflowExecution(t.Context(), "swept-deleted", "")
		return err != nil
	})

	status := func(id string) mlflow.RunStatus {
		t.Helper()
		run, err := s.MLflow.GetRun(t.Context(), runs[id].ID)
		if err != nil {
			t.Fatal(err)
		}
		return run.Status
	}
	for _, dryRun := range []bool{true, false} {
		var out bytes.Buffer
		if err := s.Sweep(t.Context(), dryRun, &out); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]mlflow.RunStatus{
			"swept-terminated": mlflow.RunKilled, "swept-deleted": mlflow.RunKilled,
			"swept-reset": mlflow.RunRunning, "swept-waiting": mlflow.RunRunning,
		} {
			if said := strings.Contains(out.String(), runs[id].ID); said != (want == mlflow.RunKilled) {
				t.Errorf("dry %t: the sweep says %q, and its run of %s is to be %s", dryRun, out.String(), id, want)
			}
			if dryRun {
				want = mlflow.RunRunning
			}
			if got := status(id); got != want {
				t.Errorf("dry %t: the run of %s is %s, want %s", dryRun, id, got, want)
			}
		}
	}
	for id, want := range map[string]workflows.State{
		"swept-terminated": workflows.Revoked, "swept-deleted": workflows.Lost, "swept-waiting": workflows.Started,
	} {
		var task struct {
			State workflows.State
			Model string
		}
		s.call(http.MethodGet, "/tasks/"+id, "", nil).want(t, http.StatusOK, &task)
		if task.State != want || task.Model != modelName {
			t.Errorf("%s is %+v, want %s of %s", id, task, want, modelName)
		}
	}
	for _, id := range []string{"swept-reset", "swept-waiting"} {
		if err := s.Temporal.CancelWorkflow(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		_ = s.await(id, nil)
		if got := status(id); id == "swept-waiting" && got != mlflow.RunKilled {
			t.Errorf("the run of %s is %s after its cancellation", id, got)
		}
	}
	// The run that the reset training left behind is that of its first execution.
	if err := s.Sweep(t.Context(), false, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	if got := status("swept-reset"); got != mlflow.RunKilled {
		t.Errorf("the first run of a training that was reset and then ended is %s, want %s", got, mlflow.RunKilled)
	}
}
