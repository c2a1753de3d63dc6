package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// retries returns the retry policy of an activity; 0 attempts are without a limit. The interval never exceeds 10 s, so
// that a task goes on within 10 s of the end of an outage, however long it was. A retry costs one request and adds
// nothing to the history. See docs/decisions/0023-retries-that-end.md.
func retries(attempts int32) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:        time.Second,
		BackoffCoefficient:     2,
		MaximumInterval:        10 * time.Second,
		MaximumAttempts:        attempts,
		NonRetryableErrorTypes: []string{"PanicError"}, // a defect, which the same input meets again
	}
}

// notesAttempts is how often an activity is tried that writes only what people read: for about 15 s, or 5 minutes if
// each request takes as long as it may.
const notesAttempts = 5

// Activities other than notes have no limit of attempts, because package activities says which errors are final.
// ScheduleToClose is their budget: the time an operator has to bring a dependency back.
var (
	// quick is for a handful of requests to MLflow or the object store.
	quick = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,      // tens of requests of 10 ms each, and a slow store
		ScheduleToCloseTimeout: 24 * time.Hour,   // a training survives an outage overnight
		HeartbeatTimeout:       20 * time.Second, // heartbeats come every second
		WaitForCancellation:    true,             // the activity finishes or undoes its work before the run is closed
		RetryPolicy:            retries(0),
	}
	// notes is for what MLflow shows to people and no later step needs. A failure does not fail the task.
	notes = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 10 * time.Minute, // includes the wait for a worker
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
		RetryPolicy:            retries(notesAttempts),
	}
	// transfer is for reading or writing a whole dataset, at most 1 GiB.
	transfer = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Hour, // 1 GiB at 300 kB/s
		ScheduleToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
		RetryPolicy:            retries(0),
	}
	// compute is for work that keeps a CPU busy. It waits for a slot of the compute queue.
	compute = workflow.ActivityOptions{
		TaskQueue:              ComputeQueue,
		StartToCloseTimeout:    12 * time.Hour,
		ScheduleToCloseTimeout: 48 * time.Hour, // includes the time in the queue
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
		RetryPolicy:            retries(0),
	}
	// closing is for cleaning up at the end, also of a cancelled task.
	closing = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 24 * time.Hour, // an outage of MLflow must not leave a run RUNNING
		RetryPolicy:            retries(0),
	}
)

// withOptions returns ctx with the options, and with the line that the Temporal UI shows beside the activity. The UI
// adds the number of the attempt while the activity is retried.
func withOptions(ctx workflow.Context, o workflow.ActivityOptions, summary string) workflow.Context {
	o.Summary = summary
	return workflow.WithActivityOptions(ctx, o)
}
