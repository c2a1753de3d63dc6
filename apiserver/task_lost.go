package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/sweep"
	"iris/workflows"
)

// accept answers that a task was started, and where to follow it. The trace that it leaves in the object store outlives
// Temporal's memory of the task, so that the id is never unknown. If the store is down, the task has started
// nevertheless: it leaves its final status itself.
func (ts *tasks) accept(
	ctx context.Context, w http.ResponseWriter, taskType, modelName, location string, accepted Accepted,
) error {
	ctx = context.WithoutCancel(ctx) // the task has started, whether or not the client is still there
	err := sweep.WriteTrace(ctx, ts.store, ts.bucket, sweep.Trace{
		TaskID:     accepted.TaskID,
		Type:       taskType,
		Model:      modelName,
		Namespace:  ts.links.namespace,
		AcceptedAt: time.Now().UTC(),
	})
	if err != nil {
		ts.log(w).Warn("the trace of an accepted task was not stored", "task_id", accepted.TaskID, "error", err)
	}
	return sendAccepted(w, location, accepted)
}

// lost returns a task that was accepted, but that Temporal no longer knows and that left no final status.
func (ts *tasks) lost(ctx context.Context, id string) (Task, error) {
	trace, err := sweep.ReadTrace(ctx, ts.store, ts.bucket, id)
	if errors.Is(err, objstore.ErrNotExist) {
		return Task{}, unknownTask(id)
	}
	if err != nil {
		return Task{}, fmt.Errorf("read the trace of %s: %w", problem.Clip(id), err)
	}
	t := Task{
		TaskID: id, Type: trace.Type, Model: trace.Model, State: workflows.Lost, StartedAt: trace.AcceptedAt,
		Error: &workflows.TaskError{Type: sweep.LostType, Message: sweep.LostMessage},
	}
	ts.link(&t, "")
	return t, nil
}
