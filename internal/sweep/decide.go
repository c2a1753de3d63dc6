package sweep

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/internal/mlflow"
)

// Reasons, as the tags of runs and the reports have them.
const (
	reasonCompleted  = "its workflow completed"
	reasonReplaced   = "a later execution of its workflow completed"
	reasonFailed     = "its workflow failed"
	reasonTimedOut   = "its workflow timed out"
	reasonCancelled  = "its workflow was cancelled"
	reasonTerminated = "its workflow was terminated"
	reasonUnknown    = "Temporal no longer knows its workflow"
)

// ended reports whether a task has ended for longer than a time. began is when the thing in question was begun.
func ended(f fate, began, now time.Time, grace time.Duration) bool {
	switch {
	case f.running():
		return false
	case f.known():
		return now.Sub(f.closed) >= grace
	}
	return now.Sub(began) >= grace
}

// endOfRun returns how a run of MLflow ends whose task has ended. execution is the one that opened the run.
func endOfRun(f fate, execution string) (mlflow.RunStatus, string) {
	switch f.status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		if execution == f.execution {
			return mlflow.RunFinished, reasonCompleted
		}
		return mlflow.RunKilled, reasonReplaced
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return mlflow.RunFailed, reasonFailed
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return mlflow.RunFailed, reasonTimedOut
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return mlflow.RunKilled, reasonCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return mlflow.RunKilled, reasonTerminated
	}
	return mlflow.RunKilled, reasonUnknown
}

// traceAction is what happens to the trace of a task.
type traceAction int

const (
	keepTrace  traceAction = iota // the task runs, or has just ended
	dropTrace                     // the final status is stored
	saveStatus                    // the task has ended and left no status
	saveLost                      // Temporal does not know the task, and it left no status
)

// clockSkew is how far the clocks of the API and of Temporal may differ.
const clockSkew = time.Minute

// decideTrace decides about the trace of a task from what Temporal knows and from the stored status, which may be nil.
// An id may be used again: a status from before the trace is of an earlier task.
func decideTrace(t Trace, f fate, stored *Status, now time.Time, grace time.Duration) traceAction {
	switch {
	case !ended(f, t.AcceptedAt, now, grace):
		return keepTrace
	case stored != nil && !stored.UpdatedAt.Before(t.AcceptedAt.Add(-clockSkew)):
		return dropTrace
	case f.known():
		return saveStatus
	}
	return saveLost
}

// maxTaskAge is longer than any task lives: 30 days of waiting for an approval, and a week of work and outages.
const maxTaskAge = 40 * 24 * time.Hour

// trainingIsOver reports whether no task reads the objects of a training any more. run is nil if MLflow does not know
// it, f the fate of its workflow, and modified when the last of the objects was stored.
func trainingIsOver(run *mlflow.Run, f fate, modified, now time.Time, leftovers time.Duration) bool {
	age := now.Sub(modified)
	switch {
	case run == nil:
		return age >= max(maxTaskAge, leftovers)
	case run.Status == mlflow.RunRunning, f.running(), age < leftovers:
		return false
	}
	return now.Sub(run.End) >= leftovers
}

// batchIsOver reports whether nobody reads the objects of a batch any more, although it has no results. stored is its
// final status; nil leaves the objects to the expiry of the bucket.
func batchIsOver(stored *Status, f fate, hasManifest bool, modified, now time.Time, leftovers time.Duration) bool {
	switch {
	case hasManifest, stored == nil, f.running(), now.Sub(modified) < leftovers:
		return false
	}
	return stored.State != stateSuccess && now.Sub(stored.UpdatedAt) >= leftovers
}
