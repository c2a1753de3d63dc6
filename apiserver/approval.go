package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/workflows"
)

// VerdictRequest is the body of POST /tasks/{task_id}/approve and /reject.
type VerdictRequest struct {
	Name   string `json:"name" minLength:"1" maxLength:"200" doc:"who says so, for the history of the model" example:"ada"`
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"why"`
}

type verdictInput struct {
	TaskID string `path:"task_id" doc:"what the 202 answered"`
	Body   VerdictRequest
}

func (s *Server) postApprove(ctx context.Context, in *verdictInput) (*taskOutput, error) {
	return s.verdict(ctx, in, workflows.ApproveUpdate)
}

func (s *Server) postReject(ctx context.Context, in *verdictInput) (*taskOutput, error) {
	return s.verdict(ctx, in, workflows.RejectUpdate)
}

// verdict hands a verdict to a training that waits for one: 202 and the task, which goes on from there.
func (s *Server) verdict(ctx context.Context, in *verdictInput, update string) (*taskOutput, error) {
	t, err := s.task(ctx, in.TaskID)
	if err != nil {
		return nil, err
	}
	if t.Type != workflows.TrainingType || t.EndedAt != nil {
		return nil, notWaiting(t.TaskID)
	}
	if err := s.update(ctx, t.TaskID, update, workflows.Verdict{Name: in.Body.Name, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	t, err = s.task(ctx, in.TaskID)
	return &taskOutput{Status: http.StatusAccepted, Body: t}, err
}

// update sends a verdict and waits until the training has taken note of it.
func (s *Server) update(ctx context.Context, id, name string, v workflows.Verdict) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	handle, err := s.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: name, Args: []any{v}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	var (
		refused *temporal.ApplicationError
		gone    *serviceerror.NotFound // it has ended since
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Type() == workflows.ErrNotWaiting:
		return problem.New(http.StatusConflict, refused.Message())
	case errors.As(err, &refused) && refused.Type() == workflows.ErrBadVerdict:
		return problem.New(http.StatusUnprocessableEntity, refused.Message())
	case errors.As(err, &gone):
		return notWaiting(id)
	case whoIsDown(err) != "":
		return problem.Unavailable("no worker has taken the verdict in time; it may do so yet: see /tasks/"+id, err)
	}
	return fmt.Errorf("%s %s: %w", name, problem.Clip(id), err)
}

func notWaiting(id string) error {
	return problem.New(http.StatusConflict, fmt.Sprintf("task %q is not waiting for approval", problem.Clip(id)))
}
