package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
)

// noteAttempts is how often an activity is tried because of a note, while MLflow answers other requests.
const noteAttempts = 3

// notes is what an activity writes to MLflow for people only: parameters, metrics, tags, pictures. The activity goes on
// without a note that MLflow does not take.
type notes struct {
	a       *Activities
	dropped []string // what MLflow did not take, in words for users
}

// take decides about the error of a note. If MLflow refuses the note, or fails on it repeatedly although it answers
// other requests, take records the warning and returns nil, so that the task goes on. In an outage it returns the
// error, because the next step needs MLflow too.
func (n *notes) take(ctx context.Context, warning string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	switch typeOf(err) {
	case ErrRefused:
	case ErrMLflowDown, ErrUnknown:
		if activity.GetInfo(ctx).Attempt < noteAttempts || n.a.o.MLflow.Check(ctx) != nil {
			return err
		}
	default:
		return err
	}
	n.drop(ctx, warning, err)
	return nil
}

// drop records that the activity goes on without something.
func (n *notes) drop(ctx context.Context, warning string, err error) {
	activity.GetLogger(ctx).Warn("an activity goes on without a note", "note", warning, "error", err)
	n.dropped = append(n.dropped, warning)
}

// batch logs a batch of notes to a run.
func (n *notes) batch(ctx context.Context, warning, runID string, b mlflow.Batch) error {
	return n.take(ctx, warning, n.a.o.MLflow.LogBatch(ctx, runID, b))
}
