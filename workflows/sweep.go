package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/sweep"
)

// SweepType is the workflow type of Sweep. It is not a task of the API.
const SweepType = "Sweep"

// SweepSettings is the input of Sweep.
type SweepSettings = sweep.Settings

// SweepReport is what one step of a sweep has done.
type SweepReport = sweep.Report

// SweepResult is the result of Sweep.
type SweepResult struct {
	DryRun bool        `json:"dry_run,omitempty"` // nothing was changed
	Steps  []SweptStep `json:"steps"`
}

// SweptStep is one step of a sweep.
type SweptStep struct {
	Step activities.SweepStep `json:"step"`
	SweepReport
}

// sweeping is for one step of a sweep. A step that fails is left to the next sweep.
var sweeping = workflow.ActivityOptions{
	TaskQueue:              TaskQueue,
	StartToCloseTimeout:    time.Hour, // two listings of the bucket, and as many deletions as are needed
	ScheduleToCloseTimeout: 2 * time.Hour,
	HeartbeatTimeout:       2 * time.Minute, // one request to MLflow takes at most 30 s
	WaitForCancellation:    true,
	RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 3, MaximumInterval: 10 * time.Second},
}

// Sweep ends what tasks left behind: see package sweep. A step that fails does not stop the others, and its error is
// part of the result: the next sweep tries again.
func Sweep(ctx workflow.Context, in SweepSettings) (SweepResult, error) {
	var acts *activities.Activities // nil; only for method references
	result := SweepResult{DryRun: in.DryRun}
	steps := []activities.SweepStep{
		activities.SweepTasks, activities.SweepRuns, activities.SweepLoggedModels, activities.SweepUploads,
		activities.SweepTrainings, activities.SweepBatches,
	}
	if workflow.GetVersion(ctx, "versions that exist twice", workflow.DefaultVersion, 1) == 1 {
		steps = append(steps, activities.SweepVersions)
	}
	lines := ""
	for _, step := range steps {
		swept := SweptStep{Step: step}
		err := workflow.ExecuteActivity(withOptions(ctx, sweeping, "sweep "+string(step)), acts.Sweep,
			activities.SweepInput{Step: step, Settings: in}).Get(ctx, &swept.SweepReport)
		if temporal.IsCanceledError(err) {
			return SweepResult{}, err
		}
		if err != nil {
			swept.Error = sweepError(err)
		}
		result.Steps = append(result.Steps, swept)
		lines += fmt.Sprintf("- %s: %d checked, %d ended, %d failed %s\n",
			step, swept.Checked, swept.Acted, swept.Failed, swept.Error)
		workflow.SetCurrentDetails(ctx, lines)
	}
	return result, nil
}

// sweepError returns the cause of a failed activity for an operator.
func sweepError(err error) string {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return application.Message()
	}
	return err.Error()
}

// SweepOutcome is Outcome for package sweep.
func SweepOutcome(err error) (string, *sweep.StatusError) {
	state, reason := Outcome(err)
	if reason == nil {
		return string(state), nil
	}
	return string(state), &sweep.StatusError{Type: reason.Type, Message: reason.Message}
}
