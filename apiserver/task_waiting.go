package apiserver

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"iris/workflows"
)

// TaskWaiting says what a running task waits for, and how its present step has failed.
type TaskWaiting struct {
	WaitingFor string     `json:"waiting_for,omitempty" doc:"What the present step needs to go on: mlflow, minio, worker, or retry after another error."`
	LastError  string     `json:"last_error,omitempty" doc:"Why the last attempt of the present step failed."`
	Attempts   int32      `json:"attempts,omitempty" doc:"How often the present step was tried. Absent for the first attempt."`
	NextTry    *time.Time `json:"next_try,omitempty" doc:"When the present step is tried again."`
}

const (
	// waitsForWorker is the dependency that runs activities.
	waitsForWorker = "worker"
	// workerPatience is how long a step may wait for a worker before the task says so.
	workerPatience = 5 * time.Second
	// retryDoubt is how long an attempt after a failure still counts as waiting: the request that tells whether the
	// dependency is back may take this long.
	retryDoubt = 5 * time.Second
)

// waiting returns what a task waits for. Temporal tells it for the activities of the workflow, or for those of its
// child, which is a promotion. Without any, a task that no worker answers for waits for a worker.
func (ts *tasks) waiting(
	ctx context.Context, described *workflowservice.DescribeWorkflowExecutionResponse, stale bool,
) TaskWaiting {
	pending := described.GetPendingActivities()
	if children := described.GetPendingChildren(); len(pending) == 0 && len(children) > 0 {
		if child, err := ts.describe(ctx, children[0].GetWorkflowId()); err == nil {
			pending = child.GetPendingActivities()
		}
	}
	if stale && len(pending) == 0 {
		return TaskWaiting{WaitingFor: waitsForWorker}
	}
	var worst TaskWaiting
	for _, activity := range pending {
		w := waitOf(activity, time.Now())
		if w.Attempts > worst.Attempts || worst.WaitingFor == "" && w.Attempts == worst.Attempts {
			worst = w
		}
	}
	return worst
}

// waitOf returns what one activity waits for.
func waitOf(p *workflowpb.PendingActivityInfo, now time.Time) TaskWaiting {
	queued := p.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
	due := p.GetScheduledTime().AsTime()
	if next := p.GetNextAttemptScheduleTime(); next != nil {
		due = next.AsTime()
	}
	var w TaskWaiting
	if p.GetLastFailure() != nil {
		var cause string
		cause, w.LastError = reasonOf(p.GetLastFailure())
		w.Attempts = p.GetAttempt()
		if queued {
			w.Attempts-- // Temporal counts the attempt that has not begun
		}
		if queued || now.Sub(p.GetLastStartedTime().AsTime()) < retryDoubt {
			w.WaitingFor = cause
		}
	}
	switch {
	case queued && now.Sub(due) > workerPatience:
		w.WaitingFor = waitsForWorker
	case queued && due.After(now):
		w.NextTry = &due
	}
	return w
}

// reasonOf returns what an activity waits for after a failure, and the failure in words that contain no host and no
// internal detail.
func reasonOf(f *failurepb.Failure) (waitsFor, words string) {
	switch timeout := f.GetTimeoutFailureInfo(); timeout.GetTimeoutType() {
	case enumspb.TIMEOUT_TYPE_HEARTBEAT:
		return waitsForWorker, "the worker stopped during the attempt"
	case enumspb.TIMEOUT_TYPE_START_TO_CLOSE:
		return workflows.Retried(workflows.ErrTooSlow)
	}
	application := f.GetApplicationFailureInfo()
	waitsFor, words = workflows.Retried(application.GetType())
	var details string
	err := converter.GetDefaultDataConverter().FromPayloads(application.GetDetails(), &details)
	if err == nil && details != "" && application.GetType() != workflows.ErrUnknown {
		words = details
	}
	return waitsFor, words
}
