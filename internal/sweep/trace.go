package sweep

import (
	"context"
	"errors"
	"time"

	"iris/internal/objstore"
)

// The error of a task that Temporal has lost.
const (
	LostType    = "Lost"
	LostMessage = "Temporal no longer knows this task: it was deleted, or Temporal has lost its data"
)

// Trace is what the object store keeps about a task from its acceptance until its final status is stored, in case
// Temporal loses the task.
type Trace struct {
	TaskID     string    `json:"task_id"`
	Type       string    `json:"type"` // of the workflow
	Model      string    `json:"model"`
	Namespace  string    `json:"namespace"` // of Temporal
	AcceptedAt time.Time `json:"accepted_at"`
}

// WriteTrace stores the trace of a task unless it has one.
func WriteTrace(ctx context.Context, store *objstore.Store, bucket string, t Trace) error {
	_, err := store.PutJSONIf(ctx, bucket, objstore.AcceptedKey(t.TaskID), "", t)
	if errors.Is(err, objstore.ErrChanged) {
		return nil
	}
	return err
}

// ReadTrace returns the trace of a task, or objstore.ErrNotExist.
func ReadTrace(ctx context.Context, store *objstore.Store, bucket, taskID string) (t Trace, err error) {
	err = store.GetJSON(ctx, bucket, objstore.AcceptedKey(taskID), &t)
	return t, err
}
