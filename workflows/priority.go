package workflows

import "go.temporal.io/sdk/temporal"

// Priorities of tasks: in a queue that is behind, a lower one goes first. What runs is not interrupted. Activities
// inherit that of their workflow.
var (
	// PriorityInteractive is for what somebody waits for: a batch of rows that came in the request.
	PriorityInteractive = temporal.Priority{PriorityKey: 2}
	// PriorityTraining is Temporal's default, 3.
	PriorityTraining = temporal.Priority{PriorityKey: 3}
	// PriorityBulk is for a batch of a whole file.
	PriorityBulk = temporal.Priority{PriorityKey: 4}
)
