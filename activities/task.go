package activities

import (
	"context"
	"encoding/json"

	"go.temporal.io/sdk/activity"

	"iris/internal/objstore"
	"iris/internal/sweep"
)

// SaveTaskInput is the final status of a task.
type SaveTaskInput struct {
	TaskID string          `json:"task_id"`
	Status json.RawMessage `json:"status"` // workflows.Status
}

// SaveTask stores the final status of a task, for the time after Temporal deletes it. Running it twice is safe: it
// overwrites the same object.
func (a *Activities) SaveTask(ctx context.Context, in SaveTaskInput) error {
	_, err := a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.TaskKey(in.TaskID), in.Status)
	return translate(ctx, err)
}

// trace leaves the trace of a task that the API has not accepted itself. By it the sweep knows what is Iris' own.
func (a *Activities) trace(ctx context.Context, modelName string) error {
	info := activity.GetInfo(ctx)
	return sweep.WriteTrace(ctx, a.o.Store, a.o.Bucket, sweep.Trace{
		TaskID: info.WorkflowExecution.ID, Type: info.WorkflowType.Name, Model: modelName,
		Namespace: info.Namespace, AcceptedAt: info.ScheduledTime.UTC(),
	})
}
