package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/workflows"
)

// Task is a job that takes longer than a request: a workflow execution.
type Task struct {
	TaskID        string                     `json:"task_id"`
	Type          string                     `json:"type" enum:"Training,BatchPrediction,Promotion"`
	Model         string                     `json:"model" doc:"empty when the task was not started by this API and no worker answers"`
	State         workflows.State            `json:"state" enum:"PENDING,STARTED,SUCCESS,FAILURE,REVOKED" doc:"in a list, a task that has not ended is STARTED"`
	Stage         string                     `json:"stage,omitempty" doc:"what is being done now, or was when it ended"`
	Done          int64                      `json:"done"`
	Total         int64                      `json:"total" doc:"0 while unknown"`
	Unit          string                     `json:"unit,omitempty" doc:"what done and total count"`
	RowsPerSecond float64                    `json:"rows_per_second,omitempty" doc:"of a batch: since it began to score"`
	ETASeconds    int64                      `json:"eta_seconds,omitempty" doc:"of a batch: until all rows are scored at that rate; absent while unknown"`
	Failed        int64                      `json:"failed,omitempty" doc:"of a batch: bad rows, which are part of done"`
	ShardsDone    int                        `json:"shards_done,omitempty" doc:"of a batch: pieces of the input that are scored"`
	ShardsTotal   int                        `json:"shards_total,omitempty" doc:"of a batch: pieces of the input"`
	Search        *workflows.SearchProgress  `json:"search,omitempty" doc:"trials of a training: how many, and the best so far"`
	StartedAt     time.Time                  `json:"started_at"`
	EndedAt       *time.Time                 `json:"ended_at,omitempty"`
	Error         *workflows.TaskError       `json:"error,omitempty" doc:"why it failed"`
	Result        *Result                    `json:"result,omitempty" doc:"what came of it: of a training, a batch or a promotion"`
	Links         TaskLinks                  `json:"links"`
	Approval      *workflows.PendingApproval `json:"approval,omitempty" doc:"what a training with promote=manual waits for somebody to approve or reject"`
	Stale         bool                       `json:"stale,omitempty" doc:"no worker answers: this is what is known without one"`
}

// TaskLinks are where to read on.
type TaskLinks struct {
	Temporal string `json:"temporal,omitempty" doc:"page of Temporal"`
	MLflow   string `json:"mlflow,omitempty" doc:"page of MLflow"`
	Result   string `json:"result,omitempty" doc:"route of this API"`
}

type taskInput struct {
	TaskID string `path:"task_id" doc:"what the 202 answered"`
}

// longestTaskID is in bytes, escaped: what is left of the 1,024 of an object's key after our prefixes.
const longestTaskID = 900

// taskID undoes the escapes of a path: whoever starts a workflow elsewhere may call it what he likes, as long as it is
// printable ASCII, which is what Temporal's SDK can ask for.
func taskID(escaped string) (string, error) {
	id, err := url.PathUnescape(escaped)
	unprintable := func(c rune) bool { return c < ' ' || c > '~' }
	if err != nil || len(url.PathEscape(id)) > longestTaskID || strings.ContainsFunc(id, unprintable) {
		return "", unknownTask(escaped)
	}
	return id, nil
}

type taskOutput struct {
	Status int
	Body   Task
}

func (s *Server) getTask(ctx context.Context, in *taskInput) (*taskOutput, error) {
	t, err := s.task(ctx, in.TaskID)
	return &taskOutput{Status: http.StatusOK, Body: t}, err
}

// deleteTask asks a task to stop: 202, since it does so in its own time. One that has ended is answered as it is.
func (s *Server) deleteTask(ctx context.Context, in *taskInput) (*taskOutput, error) {
	t, err := s.task(ctx, in.TaskID)
	if err != nil || t.EndedAt != nil {
		return &taskOutput{Status: http.StatusOK, Body: t}, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err = s.Temporal.CancelWorkflow(ctx, t.TaskID, "")
	var gone *serviceerror.NotFound // it has ended since
	if err != nil && !errors.As(err, &gone) {
		return nil, fmt.Errorf("cancel %s: %w", t.TaskID, err)
	}
	return &taskOutput{Status: http.StatusAccepted, Body: t}, nil
}

type trainingInput struct {
	Model  string `path:"model" doc:"name of a model" example:"iris"`
	TaskID string `path:"task_id" doc:"what the 202 answered"`
}

// getTraining is getTask for the trainings of one model.
func (s *Server) getTraining(ctx context.Context, in *trainingInput) (*taskOutput, error) {
	t, err := s.taskOf(ctx, in.TaskID, workflows.TrainingType, in.Model)
	return &taskOutput{Status: http.StatusOK, Body: t}, err
}

// getDefaultTraining is getTraining for the default model.
func (s *Server) getDefaultTraining(ctx context.Context, in *taskInput) (*taskOutput, error) {
	return s.getTraining(ctx, &trainingInput{Model: s.DefaultModel, TaskID: in.TaskID})
}

// taskOf is a task of one type about one model.
func (s *Server) taskOf(ctx context.Context, id, taskType, modelName string) (Task, error) {
	t, err := s.task(ctx, id)
	if err == nil && (t.Type != taskType || t.Model != modelName) {
		return Task{}, problem.NotFound(
			"there is no task %q of type %s about model %s",
			problem.Clip(id),
			taskType,
			problem.Clip(modelName),
		)
	}
	return t, err
}

// taskOfInfo is what Temporal knows of an execution without asking a worker.
func (s *Server) taskOfInfo(info *workflowpb.WorkflowExecutionInfo) Task {
	t := Task{
		TaskID:    info.GetExecution().GetWorkflowId(),
		Type:      info.GetType().GetName(),
		Model:     memoModel(info.GetMemo()),
		State:     stateOf(info.GetStatus()),
		StartedAt: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		ended := info.GetCloseTime().AsTime()
		t.EndedAt = &ended
	}
	s.link(&t, info.GetExecution().GetRunId())
	return t
}

// stateOf is the state of a task by the status of its execution.
func stateOf(status enumspb.WorkflowExecutionStatus) workflows.State {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return workflows.Success
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return workflows.Failure
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return workflows.Revoked
	default:
		return workflows.Started
	}
}

// memoModel is the model that the memo of an execution names, "" when it names none.
func memoModel(memo *commonpb.Memo) (name string) {
	if payload := memo.GetFields()[workflows.MemoModel]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &name) // not ours, then
	}
	return name
}

// link fills in where to read on about t.
func (s *Server) link(t *Task, runID string) {
	if s.TemporalUI != "" && runID != "" {
		t.Links.Temporal = fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history",
			s.TemporalUI, url.PathEscape(s.Namespace), url.PathEscape(t.TaskID), url.PathEscape(runID))
	}
	if t.Type == workflows.BatchType && t.Model != "" {
		t.Links.Result = batchLocation(t.Model, t.TaskID)
	}
	if t.Result == nil {
		return
	}
	switch {
	case t.Result.Training != nil:
		r := t.Result.Training
		t.Links.MLflow = s.mlflowLink("experiments", r.ExperimentID, "runs", r.RunID)
		t.Links.Result = "/" + r.Model + "/versions/" + r.Version
	case t.Result.Promotion != nil:
		t.Links.Result = "/" + t.Model + "/versions/" + t.Result.Promotion.To
	}
}
