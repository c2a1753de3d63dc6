package apiserver

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"iris/apiserver/problem"
	"iris/workflows"
)

// Task is a job that takes longer than a request: a workflow execution.
type Task struct {
	TaskID string          `json:"task_id"`
	Type   string          `json:"type" enum:"Training,BatchPrediction,Promotion"`
	Model  string          `json:"model" doc:"Empty if another program started the task and no worker answers."`
	State  workflows.State `json:"state" enum:"PENDING,STARTED,SUCCESS,FAILURE,REVOKED,LOST" doc:"In a list, every task that has not ended is STARTED."`
	workflows.TaskProgress
	TaskWaiting
	Search    *workflows.SearchProgress  `json:"search,omitempty" doc:"Of a training: its trials and the best one so far."`
	StartedAt time.Time                  `json:"started_at"`
	EndedAt   *time.Time                 `json:"ended_at,omitempty"`
	Error     *workflows.TaskError       `json:"error,omitempty" doc:"Why the task failed."`
	Warnings  []string                   `json:"warnings,omitempty" doc:"What the task goes on without, such as its choice in MLflow."`
	Data      *workflows.Findings        `json:"data,omitempty" doc:"Of a training: its class column and why, and what its owner should know of the data."`
	Result    *Result                    `json:"result,omitempty" doc:"The result of a training, a batch or a promotion."`
	Links     TaskLinks                  `json:"links"`
	Approval  *workflows.PendingApproval `json:"approval,omitempty" doc:"The decision that a training with promote=manual waits for."`
	Served    *bool                      `json:"served,omitempty" doc:"False if this API could not load the version that the task promoted within 10 s of the task's end. Absent otherwise."`
	Stale     bool                       `json:"stale,omitempty" doc:"True if no worker answers, so that the progress may be old."`
}

// TaskLinks are pages and routes that say more about a task.
type TaskLinks struct {
	Temporal string `json:"temporal,omitempty" doc:"A page of Temporal."`
	MLflow   string `json:"mlflow,omitempty" doc:"A page of MLflow."`
	Result   string `json:"result,omitempty" doc:"A route of this API."`

	Leaderboard string `json:"leaderboard,omitempty" doc:"The route of the trials of a training."`
}

// Result is the result of a task. Exactly one field is set.
type Result struct {
	Training  *workflows.TrainingResult
	Batch     *workflows.BatchResult
	Promotion *workflows.PromotionResult
}

// MarshalJSON returns the JSON of the field that is set.
func (r Result) MarshalJSON() ([]byte, error) {
	switch {
	case r.Training != nil:
		return json.Marshal(r.Training)
	case r.Batch != nil:
		return json.Marshal(r.Batch)
	default:
		return json.Marshal(r.Promotion)
	}
}

// Schema describes a Result to OpenAPI.
func (Result) Schema(r huma.Registry) *huma.Schema {
	schema := func(t reflect.Type) *huma.Schema { return r.Schema(t, true, "") }
	return &huma.Schema{OneOf: []*huma.Schema{
		schema(reflect.TypeFor[workflows.TrainingResult]()),
		schema(reflect.TypeFor[workflows.BatchResult]()),
		schema(reflect.TypeFor[workflows.PromotionResult]()),
	}}
}

// maxTaskID bounds an escaped task id: an object key has at most 1,024 bytes, prefixes included.
const maxTaskID = 900

// taskID returns the task id that a path holds. A workflow that another program starts may have any id of UTF-8.
func taskID(escaped string) (string, error) {
	id, err := url.PathUnescape(escaped)
	if err != nil || len(url.PathEscape(id)) > maxTaskID || !utf8.ValidString(id) ||
		strings.ContainsFunc(id, unicode.IsControl) {
		return "", unknownTask(escaped)
	}
	return id, nil
}

func unknownTask(id string) error { return problem.NotFound("there is no task %q", problem.Clip(id)) }

// fromExecution returns what Temporal itself knows about a task.
func (ts *tasks) fromExecution(info *workflowpb.WorkflowExecutionInfo) Task {
	t := Task{
		TaskID:    info.GetExecution().GetWorkflowId(),
		Type:      info.GetType().GetName(),
		Model:     memoModel(info.GetMemo()),
		State:     stateOf(info.GetStatus()),
		StartedAt: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		t.EndedAt = new(info.GetCloseTime().AsTime())
	}
	ts.link(&t, info.GetExecution().GetRunId())
	return t
}

// stateOf returns the state of a task whose execution has a status.
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

// memoModel returns the model that the memo of an execution names, "" if it names none.
func memoModel(memo *commonpb.Memo) (name string) {
	if payload := memo.GetFields()[workflows.MemoModel]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &name) // a memo of another program
	}
	return name
}

// link sets the links of t.
func (ts *tasks) link(t *Task, runID string) {
	t.Links.Temporal = ts.links.temporal(t.TaskID, runID)
	if t.Type == workflows.BatchType && t.Model != "" {
		t.Links.Result = batchLocation(t.Model, t.TaskID)
	}
	if t.Search != nil || t.Result != nil && t.Result.Training != nil && t.Result.Training.Search != nil {
		t.Links.Leaderboard = "/tasks/" + url.PathEscape(t.TaskID) + "/leaderboard"
	}
	switch {
	case t.Result == nil:
	case t.Result.Training != nil:
		r := t.Result.Training
		t.Links.MLflow = ts.links.mlflow("experiments", r.ExperimentID, "runs", r.RunID)
		t.Links.Result = versionLocation(r.Model, r.Version)
	case t.Result.Promotion != nil:
		t.Links.Result = versionLocation(t.Model, t.Result.Promotion.To)
	}
}
