package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/workflows"
)

// VerdictRequest is the body of POST /tasks/{task_id}/approve and /reject.
type VerdictRequest struct {
	Name   string `json:"name" minLength:"1" maxLength:"200" doc:"Who decides. The history of the model keeps the name." example:"ada"`
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why."`
}

type verdictInput struct {
	TaskID string `path:"task_id" doc:"The task_id of the 202 response."`
	Body   VerdictRequest
}

func verdictOperation(verb, path string) huma.Operation {
	return huma.Operation{
		OperationID:   verb + "-task",
		Method:        http.MethodPost,
		Path:          path,
		Tags:          []string{"tasks"},
		DefaultStatus: http.StatusAccepted,
		Summary:       strings.ToUpper(verb[:1]) + verb[1:] + " the promotion of a new version",
		Description: "For a training with `promote=manual` at the stage `waiting for approval`. " +
			"The field `approval` of the task shows what there is to decide. " +
			"After 30 days without a verdict, the version counts as rejected. " +
			"If the task does not wait for approval, the answer is 409.",
		Parameters: []*huma.Param{idempotency.Parameter(keptByAnswer)},
	}
}

func (ts *tasks) approve(ctx context.Context, in *verdictInput) (*taskOutput, error) {
	return ts.decide(ctx, in, workflows.ApproveUpdate)
}

func (ts *tasks) reject(ctx context.Context, in *verdictInput) (*taskOutput, error) {
	return ts.decide(ctx, in, workflows.RejectUpdate)
}

// decide passes a verdict to a training that waits for one, and answers with the task as it continues. Temporal knows
// whether a request with a key has given its verdict before, also to a training that has ended since.
func (ts *tasks) decide(ctx context.Context, in *verdictInput, update string) (*taskOutput, error) {
	t, err := ts.find(ctx, in.TaskID)
	if err != nil {
		return nil, err
	}
	ended := t.EndedAt != nil && idempotency.ID(ctx) == ""
	if t.Type != workflows.TrainingType || ended || t.State == workflows.Lost {
		return nil, notWaiting(t.TaskID)
	}
	verdict := workflows.Verdict{Name: in.Body.Name, Reason: in.Body.Reason}
	if err := ts.sendVerdict(ctx, t.TaskID, update, verdict); err != nil {
		return nil, err
	}
	t, err = ts.find(ctx, in.TaskID)
	return &taskOutput{Status: http.StatusAccepted, Body: t}, err
}

// sendVerdict sends a verdict and waits until the training has accepted it.
func (ts *tasks) sendVerdict(ctx context.Context, id, update string, v workflows.Verdict) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	handle, err := ts.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: update, UpdateID: idempotency.ID(ctx), Args: []any{v},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	var (
		refused *temporal.ApplicationError
		ended   *serviceerror.NotFound // in the meantime
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Type() == workflows.ErrNotWaiting:
		return problem.New(http.StatusConflict, refused.Message())
	case errors.As(err, &refused) && refused.Type() == workflows.ErrBadVerdict:
		return problem.New(http.StatusUnprocessableEntity, refused.Message())
	case errors.As(err, &ended):
		return notWaiting(id)
	case whoIsDown(err) != "":
		return problem.Unavailable("no worker has taken the verdict in time; it may do so yet: see /tasks/"+id, err)
	}
	return fmt.Errorf("%s %s: %w", update, problem.Clip(id), err)
}

func notWaiting(id string) error {
	return problem.New(http.StatusConflict, fmt.Sprintf("task %q is not waiting for approval", problem.Clip(id)))
}
