package workflows

import "go.temporal.io/sdk/temporal"

// Priorities of tasks. When a queue has a backlog, tasks with a lower key run first. A running task is not interrupted.
// Activities inherit the priority of their workflow.
var (
	// PriorityInteractive is for a batch whose rows came in the request: somebody waits for it.
	PriorityInteractive = temporal.Priority{PriorityKey: 2}
	// PriorityTraining is Temporal's default, 3.
	PriorityTraining = temporal.Priority{PriorityKey: 3}
	// PriorityBulk is for a batch of a whole file.
	PriorityBulk = temporal.Priority{PriorityKey: 4}
)
