// Package workflows holds the durable tasks of Iris as deterministic code: Training, BatchPrediction and Promotion,
// their status and their pure decisions, and Sweep. Everything with a side effect is an activity.
package workflows

import (
	"go.temporal.io/sdk/worker"
)

// Task queues. A worker process serves both.
const (
	TaskQueue    = "iris"         // workflows, and activities that wait for the network
	ComputeQueue = "iris-compute" // activities that keep a CPU busy
)

// Workflow types, as `temporal workflow start --type` takes them.
const (
	TrainingType  = "Training"
	BatchType     = "BatchPrediction"
	PromotionType = "Promotion"
	StatusQuery   = "status" // returns a Status
	MemoModel     = "model"  // memo key: the model of the task

	LeaderboardQuery = "leaderboard" // of a Training; returns a Leaderboard
)

// Types lists the workflow types that are tasks of the API.
func Types() []string { return []string{TrainingType, BatchType, PromotionType} }

// Register adds every workflow to w, for workers and for replay tests.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(Training)
	w.RegisterWorkflow(BatchPrediction)
	w.RegisterWorkflow(Promotion)
	w.RegisterWorkflow(Sweep)
}
