package activities

import (
	"context"
	"encoding/json"

	"iris/internal/objstore"
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
