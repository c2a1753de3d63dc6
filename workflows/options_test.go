package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/workflows"
)

// The test environment ends an activity without a limit after ten attempts.
func TestActivities_areTriedEveryTenSeconds(t *testing.T) {
	e := newEnvironment(t)
	var tries []time.Time
	down := temporal.NewApplicationError("dial tcp 10.0.0.7:5000", activities.ErrMLflowDown, "MLflow does not answer")
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).
		Run(func(mock.Arguments) { tries = append(tries, e.Now()) }).Return(activities.Dataset{}, down)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: "knn"})
	if len(tries) != 10 {
		t.Fatalf("%d tries, want 10", len(tries))
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10, 10, 10} {
		if got := tries[i+1].Sub(tries[i]); got.Round(time.Second) != want*time.Second {
			t.Errorf("%v between tries %d and %d, want %d s", got, i+1, i+2, want)
		}
	}
	if s := e.last(t); s.State != workflows.Failure || s.Error.Type != "Timeout" ||
		!strings.HasSuffix(s.Error.Message, "MLflow does not answer") {
		t.Errorf("status %+v, want that MLflow did not answer, and no address", s.Error)
	}
}

func TestActivities_aPanicIsFinal(t *testing.T) {
	e := newEnvironment(t)
	tries := 0
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).
		Return(func(context.Context, activities.ValidateDatasetInput) (activities.Dataset, error) {
			tries++
			panic("a defect")
		})
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: "knn"})
	if s := e.last(t); tries != 1 || s.State != workflows.Failure || s.Error.Type != "Internal" {
		t.Errorf("%d tries and %+v, want one internal error", tries, s.Error)
	}
}

func TestTraining_succeedsWithoutItsChoiceInMLflow(t *testing.T) {
	e := newEnvironment(t)
	var r runs
	r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) { return tried(in, 0.1, 0.01), nil })
	tries := 0
	e.OnActivity(acts.LogChoice, mock.Anything, mock.Anything).Run(func(mock.Arguments) { tries++ }).
		Return(temporal.NewApplicationError("MLflow answers 500", activities.ErrMLflowDown))
	onTraining(e)
	onKept(e)
	onFinish(e, mlflow.RunFinished)
	e.result(t, workflows.TrainingInput{Model: "iris", Algorithm: search.Auto})
	s := e.last(t)
	if tries != 5 || s.State != workflows.Success || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "choice") {
		t.Errorf("%d tries, %s with the warnings %q; want 5, a success and one warning", tries, s.State, s.Warnings)
	}
}
