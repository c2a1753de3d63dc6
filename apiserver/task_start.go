package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/workflows"
)

// executionTimeout is longer than any task takes, including a month of waiting for approval and outages of its
// dependencies. It ends a task that would otherwise be forgotten for years.
const executionTimeout = workflows.ApprovalTimeout + 7*24*time.Hour

// memoFingerprint is the memo key of the fingerprint of a request.
const memoFingerprint = "fingerprint"

// newTask is a task to be started.
type newTask struct {
	id, model, summary string
	priority           temporal.Priority
	workflow, input    any

	// fingerprint is the hash of a request that has an idempotency key. If it is set, the id is never used again, not
	// even after the task has ended, so that the request is one task however often it is sent.
	fingerprint string
}

// start starts a task. An id that is already running is an error, so that a client never follows another task.
func (ts *tasks) start(ctx context.Context, t newTask) (client.WorkflowRun, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	memo := map[string]any{workflows.MemoModel: t.model}
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if t.fingerprint != "" {
		memo[memoFingerprint] = t.fingerprint
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	run, err := ts.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       t.id,
		WorkflowIDReusePolicy:                    reuse,
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionTimeout:                 executionTimeout,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            t.summary,
		Priority:                                 t.priority,
		Memo:                                     memo,
	}, t.workflow, t.input)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", t.id, err)
	}
	return run, nil
}

// startOnce starts a task that has a fingerprint, unless the same request has started it before. It reports whether it
// started the task. If another request has used the id, the error is a problem.
func (ts *tasks) startOnce(ctx context.Context, t newTask) (started bool, err error) {
	_, err = ts.start(ctx, t)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if t.fingerprint == "" || !errors.As(err, &already) {
		return err == nil, err
	}
	described, err := ts.describe(ctx, t.id)
	if err != nil {
		return false, fmt.Errorf("describe %s: %w", t.id, err)
	}
	var before string
	if payload := described.GetWorkflowExecutionInfo().GetMemo().GetFields()[memoFingerprint]; payload != nil {
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &before); err != nil {
			return false, fmt.Errorf("read the memo of %s: %w", t.id, err)
		}
	}
	if before != t.fingerprint {
		return false, problem.Invalid(problem.Fault{Parameter: idempotencyHeader, Detail: "was used for another batch"})
	}
	return false, nil
}

// checkTemporal fails if Temporal does not answer, before a client sends a gigabyte for a task that could not start.
func (ts *tasks) checkTemporal(ctx context.Context) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if _, err := ts.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("check Temporal: %w: %w", httpio.ErrNoAnswer, err)
	}
	return nil
}

// Accepted is the body of a 202 response.
type Accepted struct {
	TaskID string `json:"task_id" example:"training-iris-4kq2…"`
}

// sendAccepted answers that a task was started, and where to follow it.
func sendAccepted(w http.ResponseWriter, location, id string) error {
	w.Header().Set("Location", location)
	w.Header().Set("Retry-After", "1")
	return httpio.WriteJSON(w, http.StatusAccepted, Accepted{TaskID: id})
}
