package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

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
func (s *Server) start(ctx context.Context, id, modelName, summary string, workflow, in any) (client.WorkflowRun, error) {
	return s.startWith(ctx, workflows.PriorityTraining, id, modelName, summary, workflow, in)
}

// startWith is start with a place in the queue.
func (s *Server) startWith(ctx context.Context, priority temporal.Priority, id, modelName, summary string, workflow, in any) (client.WorkflowRun, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionTimeout:                 executionTimeout,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            summary,
		Priority:                                 priority,
		Memo:                                     map[string]any{workflows.MemoModel: modelName},
	}, workflow, in)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", id, err)
	}
	return run, nil
}

// mustStart refuses work that could not be started anyway, before a client has sent a gigabyte of it.
func (s *Server) mustStart(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	if _, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("is Temporal there: %w: %w", errNoAnswer, err)
	}
	return nil
}

// accepted answers that a task was started, and where to ask about it.
func accepted(w http.ResponseWriter, location, id string) error {
	w.Header().Set("Location", location)
	w.Header().Set("Retry-After", "1")
	return writeJSON(w, http.StatusAccepted, Accepted{TaskID: id})
}

// writeJSON sends v. What only HTML would need is not escaped: a link is one as it stands.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that hung up
	return nil
}
