package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"iris/internal/objstore"
)

// States of a Status.
const (
	stateSuccess = "SUCCESS"
	stateLost    = "LOST"
)

// Status is the final status of a task. Its JSON is a part of workflows.Status.
type Status struct {
	TaskID    string       `json:"task_id"`
	Type      string       `json:"type"`
	Model     string       `json:"model"`
	State     string       `json:"state"`
	StartedAt time.Time    `json:"started_at"`
	UpdatedAt time.Time    `json:"updated_at"`
	EndedAt   *time.Time   `json:"ended_at,omitempty"`
	Error     *StatusError `json:"error,omitempty"`

	Training json.RawMessage `json:"training,omitempty"`
	Batch    json.RawMessage `json:"batch,omitempty"`
}

// StatusError says why a task has no result.
type StatusError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// Workflow types whose results a Status keeps.
const (
	trainingType = "Training"
	batchType    = "BatchPrediction"
)

// Tasks stores the final status of tasks that ended without one, for the time when Temporal forgets them: a terminated
// workflow stores none. A task that Temporal does not know any more is stored as LOST.
func (s *Sweeper) Tasks(ctx context.Context) (Report, error) {
	err := s.list(ctx, objstore.AcceptedPrefix, func(o objstore.Object) error {
		if err := s.accepted(ctx, o); err != nil {
			return err
		}
		s.report.After = o.Key
		return nil
	})
	return s.report, err
}

// accepted looks after the task of one trace.
func (s *Sweeper) accepted(ctx context.Context, o objstore.Object) error {
	if s.now.Sub(o.Modified) < s.o.Grace {
		return nil
	}
	var t Trace
	err := s.o.Store.GetJSON(ctx, s.o.Bucket, o.Key, &t)
	if errors.Is(err, objstore.ErrNotExist) { // another sweep was faster
		return nil
	}
	if err != nil || t.Namespace != s.o.Namespace {
		return err
	}
	s.check()
	f, err := s.fateOf(ctx, t.TaskID)
	if err != nil || f.running() {
		return err
	}
	stored, err := s.storedStatus(ctx, objstore.TaskKey(t.TaskID))
	if err != nil {
		return err
	}
	drop := func() error { return s.remove(ctx, []string{o.Key}) }
	switch decideTrace(t, f, stored, s.now, s.o.Grace) {
	case keepTrace:
	case dropTrace:
		if !s.o.DryRun { // it is no news that a task has ended
			return drop()
		}
	case saveStatus:
		status, err := s.closedStatus(ctx, t, f)
		if err != nil {
			return err
		}
		s.saveTask(ctx, status, drop, "it ended and left no status")
	case saveLost:
		s.saveTask(ctx, Status{
			TaskID: t.TaskID, Type: t.Type, Model: t.Model, State: stateLost,
			StartedAt: t.AcceptedAt, UpdatedAt: s.now.UTC(), EndedAt: new(s.now.UTC()),
			Error: &StatusError{Type: LostType, Message: LostMessage},
		}, drop, reasonUnknown)
	}
	return nil
}

// saveTask stores the final status of a task and drops its trace.
func (s *Sweeper) saveTask(ctx context.Context, status Status, drop func() error, why string) {
	s.act(ctx, "task "+status.TaskID+" is stored as "+status.State, why, func() error {
		if err := s.put(ctx, objstore.TaskKey(status.TaskID), status); err != nil {
			return err
		}
		return drop()
	})
}

// closedStatus returns the final status of a task from what Temporal knows.
func (s *Sweeper) closedStatus(ctx context.Context, t Trace, f fate) (Status, error) {
	status := Status{
		TaskID: t.TaskID, Type: f.workflowType, Model: t.Model,
		StartedAt: f.started, UpdatedAt: f.closed, EndedAt: &f.closed,
	}
	var result json.RawMessage
	err := s.o.Temporal.GetWorkflow(ctx, t.TaskID, f.execution).Get(ctx, &result)
	if ctx.Err() != nil {
		return Status{}, fmt.Errorf("read the outcome of %s: %w", t.TaskID, err)
	}
	status.State, status.Error = s.o.Outcome(err)
	switch {
	case err != nil:
	case f.workflowType == trainingType:
		status.Training = result
	case f.workflowType == batchType:
		status.Batch = result
	}
	return status, nil
}

// storedStatus returns the status at a key, or nil if there is none.
func (s *Sweeper) storedStatus(ctx context.Context, key string) (*Status, error) {
	var stored Status
	err := s.o.Store.GetJSON(ctx, s.o.Bucket, key, &stored)
	if errors.Is(err, objstore.ErrNotExist) {
		return nil, nil //nolint:nilnil // no status is not an error
	}
	return &stored, err
}
