package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/workflows"
)

// executionTimeout is longer than any task should take, a month for somebody's approval and outages of its dependencies
// included; it is there so that nothing is forgotten for years.
const executionTimeout = workflows.ApprovalTimeout + 7*24*time.Hour

// Accepted is the body of the 202 of a task that was started.
type Accepted struct {
	TaskID string `json:"task_id" example:"training-iris-4kq2…"`
}

// start starts a workflow as a task about a model. An id that is running already is an error, so that a task is never
// taken for another.
func (s *Server) start(
	ctx context.Context,
	id, modelName, summary string,
	workflow, in any,
) (client.WorkflowRun, error) {
	return s.startTask(
		ctx,
		newTask{id: id, model: modelName, summary: summary, priority: workflows.PriorityTraining},
		workflow,
		in,
	)
}

// newTask is a task to be started.
type newTask struct {
	id, model, summary string
	priority           temporal.Priority
	// fingerprint is of the request, when it has a key that makes it one task however often it is sent: the id is not used
	// again then, not even for a task that has ended.
	fingerprint string
}

// startTask is start with all that can be said of a task.
func (s *Server) startTask(ctx context.Context, t newTask, workflow, in any) (client.WorkflowRun, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	memo := map[string]any{workflows.MemoModel: t.model}
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if t.fingerprint != "" {
		memo[memoFingerprint] = t.fingerprint
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       t.id,
		WorkflowIDReusePolicy:                    reuse,
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionTimeout:                 executionTimeout,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            t.summary,
		Priority:                                 t.priority,
		Memo:                                     memo,
	}, workflow, in)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", t.id, err)
	}
	return run, nil
}

// mustStart refuses work that could not be started anyway, before a client has sent a gigabyte of it.
func (s *Server) mustStart(ctx context.Context) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if _, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("is Temporal there: %w: %w", httpio.ErrNoAnswer, err)
	}
	return nil
}

// accepted answers that a task was started, and where to ask about it.
func accepted(w http.ResponseWriter, location, id string) error {
	w.Header().Set("Location", location)
	w.Header().Set("Retry-After", "1")
	return httpio.WriteJSON(w, http.StatusAccepted, Accepted{TaskID: id})
}
