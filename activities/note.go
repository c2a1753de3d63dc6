package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
)

// noteAttempts is how often an activity is tried because of a note, while MLflow answers other requests.
const noteAttempts = 3

// note decides about the error of a request that writes only what people read in MLflow: parameters, metrics, tags. If
// MLflow refuses the note, or fails on it repeatedly although it answers other requests, note logs the error and
// returns nil, so that the task goes on. In an outage it returns the error, because the next step needs MLflow too.
func (a *Activities) note(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	switch typeOf(err) {
	case ErrRefused:
	case ErrMLflowDown, ErrUnknown:
		if activity.GetInfo(ctx).Attempt < noteAttempts || a.o.MLflow.Check(ctx) != nil {
			return err
		}
	default:
		return err
	}
	activity.GetLogger(ctx).Warn("MLflow does not take a note", "note", what, "error", err)
	return nil
}

// noteBatch logs a batch of notes to a run.
func (a *Activities) noteBatch(ctx context.Context, what, runID string, b mlflow.Batch) error {
	return a.note(ctx, what, a.o.MLflow.LogBatch(ctx, runID, b))
}
