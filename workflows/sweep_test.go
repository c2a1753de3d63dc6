package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/workflows"
)

// A step that fails does not stop the others; its error is in the result.
func TestSweep(t *testing.T) {
	e := newEnvironment(t)
	settings := workflows.SweepSettings{Grace: 7, Leftovers: 8, DryRun: true}
	var steps []activities.SweepStep
	e.OnActivity(acts.Sweep, mock.Anything, mock.Anything).Return(workflows.SweepReport{Checked: 3, Acted: 2}, nil).
		Run(func(args mock.Arguments) {
			in := args.Get(1).(activities.SweepInput)
			steps = append(steps, in.Step)
			if in.Settings != settings {
				t.Errorf("step %s has the settings %+v, want %+v", in.Step, in.Settings, settings)
			}
		})
	e.ExecuteWorkflow(workflows.Sweep, settings)
	var result workflows.SweepResult
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 7 || len(result.Steps) != 7 || !result.DryRun {
		t.Fatalf("steps %v, result %+v; want seven", steps, result)
	}
	for i, step := range result.Steps {
		if step.Step != steps[i] || step.Checked != 3 || step.Acted != 2 || step.Error != "" {
			t.Errorf("step %+v, want what the activity reports about %s", step, steps[i])
		}
	}
}

func TestSweep_goesOnAfterAFailure(t *testing.T) {
	e := newEnvironment(t)
	tries := map[activities.SweepStep]int{}
	e.OnActivity(acts.Sweep, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.SweepInput) (workflows.SweepReport, error) {
			tries[in.Step]++
			if in.Step == activities.SweepRuns {
				return workflows.SweepReport{}, temporal.NewApplicationError("MLflow is down", "")
			}
			return workflows.SweepReport{Checked: 1}, nil
		})
	e.ExecuteWorkflow(workflows.Sweep, workflows.SweepSettings{})
	var result workflows.SweepResult
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	for _, step := range result.Steps {
		failed := step.Step == activities.SweepRuns
		if (step.Error == "MLflow is down") != failed || (step.Checked == 0) != failed {
			t.Errorf("step %+v, want an error of %s only", step, activities.SweepRuns)
		}
	}
	if tries[activities.SweepRuns] != 3 || tries[activities.SweepBatches] != 1 {
		t.Errorf("tries %v, want three of the step that fails and one of the others", tries)
	}
}

func TestSweep_cancelled(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.Sweep, mock.Anything, mock.Anything).Return(workflows.SweepReport{}, temporal.NewCanceledError()).
		Once()
	e.ExecuteWorkflow(workflows.Sweep, workflows.SweepSettings{})
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want a cancellation", err)
	}
}
