package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// Activities are retried without end inside their budget (ScheduleToClose), because what is not worth a retry says so
// itself. The budget is what an operator may take to bring a dependency back.
var (
	// quick is for a handful of requests to MLflow or the object store.
	quick = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,      // some tens of requests of 10 ms, and a store that takes its time
		ScheduleToCloseTimeout: 24 * time.Hour,   // an outage over night does not fail a training
		HeartbeatTimeout:       20 * time.Second, // heartbeats come every second
		WaitForCancellation:    true,             // what has been begun is finished or undone before the run is closed
	}
	// transfer reads or writes a whole dataset, at most 1 GiB.
	transfer = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Hour, // 1 GiB at 300 kB/s
		ScheduleToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
	}
	// compute keeps a CPU busy and waits for a slot of the compute queue.
	compute = workflow.ActivityOptions{
		TaskQueue:              ComputeQueue,
		StartToCloseTimeout:    12 * time.Hour,
		ScheduleToCloseTimeout: 48 * time.Hour, // with the time in the queue behind other fits
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
	}
	// closing puts things in order at the end, also of a task that was cancelled.
	closing = workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 24 * time.Hour, // a run must not stay RUNNING in MLflow because MLflow was down
	}
)

// withOptions is ctx with the options and the line that the Temporal UI shows beside the activity.
func withOptions(ctx workflow.Context, o workflow.ActivityOptions, summary string) workflow.Context {
	o.Summary = summary
	return workflow.WithActivityOptions(ctx, o)
}
