package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// Activities are retried without a limit on attempts until ScheduleToClose, because an error that no retry can mend
// says so itself. ScheduleToClose is the time an operator has to bring a dependency back.
var (
	// quick is for a handful of requests to MLflow or the object store.
	quick = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,      // tens of requests of 10 ms each, and a slow store
		ScheduleToCloseTimeout: 24 * time.Hour,   // a training survives an outage overnight
		HeartbeatTimeout:       20 * time.Second, // heartbeats come every second
		WaitForCancellation:    true,             // the activity finishes or undoes its work before the run is closed
	}
	// transfer is for reading or writing a whole dataset, at most 1 GiB.
	transfer = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Hour, // 1 GiB at 300 kB/s
		ScheduleToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
	}
	// compute is for work that keeps a CPU busy. It waits for a slot of the compute queue.
	compute = workflow.ActivityOptions{
		TaskQueue:              ComputeQueue,
		StartToCloseTimeout:    12 * time.Hour,
		ScheduleToCloseTimeout: 48 * time.Hour, // includes the time in the queue
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
	}
	// closing is for cleaning up at the end, also of a cancelled task.
	closing = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 24 * time.Hour, // an outage of MLflow must not leave a run RUNNING
	}
)

// withOptions returns ctx with the options, and with the line that the Temporal UI shows beside the activity.
func withOptions(ctx workflow.Context, o workflow.ActivityOptions, summary string) workflow.Context {
	o.Summary = summary
	return workflow.WithActivityOptions(ctx, o)
}
