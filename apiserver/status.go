package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/workflows"
)

// queryTimeout is how long a worker may take to say how far a task is, before the answer does without.
const queryTimeout = 2 * time.Second

// Result is what came of a task: one of the three.
type Result struct {
	Training  *workflows.TrainingResult
	Batch     *workflows.BatchResult
	Promotion *workflows.PromotionResult
}

// MarshalJSON is the one result there is.
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
	of := func(t reflect.Type) *huma.Schema { return r.Schema(t, true, "") }
	return &huma.Schema{OneOf: []*huma.Schema{
		of(
			reflect.TypeFor[workflows.TrainingResult](),
		),
		of(reflect.TypeFor[workflows.BatchResult]()),
		of(reflect.TypeFor[workflows.PromotionResult]()),
	}}
}

// task finds out about a task, by its id as it stands in a path: from its workflow while Temporal remembers it, else
// from
// what it has left in the store.
func (s *Server) task(ctx context.Context, escaped string) (Task, error) {
	id, err := taskID(escaped)
	if err != nil {
		return Task{}, err
	}
	described, err := s.describe(ctx, id)
	var unknown *serviceerror.NotFound
	switch {
	case errors.As(err, &unknown):
		return s.storedTask(ctx, id)
	case err != nil:
		return Task{}, fmt.Errorf("describe %s: %w", problem.Clip(id), err)
	}
	info := described.GetWorkflowExecutionInfo()
	if !slices.Contains(workflows.Types(), info.GetType().GetName()) {
		return Task{}, unknownTask(id)
	}
	t := s.taskOfInfo(info)
	switch {
	case t.EndedAt != nil:
		err = s.ended(ctx, &t, info.GetExecution().GetRunId())
	case untouched(info):
		t.State = workflows.Pending
	default:
		s.running(ctx, &t, described)
	}
	s.link(&t, info.GetExecution().GetRunId())
	return t, err
}

func unknownTask(id string) error { return problem.NotFound("there is no task %q", problem.Clip(id)) }

func (s *Server) describe(ctx context.Context, id string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	return s.Temporal.DescribeWorkflowExecution(ctx, id, "")
}

// untouched reports whether no worker has completed a first step yet. Until then a history is: started, step scheduled,
// step started.
func untouched(info *workflowpb.WorkflowExecutionInfo) bool { return info.GetHistoryLength() <= 3 }

// running asks the workflow itself how far it is. What it cannot know, such as the iterations of a fit, and all of it
// when
// no worker answers, is in the last heartbeats of its activities.
func (s *Server) running(ctx context.Context, t *Task, described *workflowservice.DescribeWorkflowExecutionResponse) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var status workflows.Status
	answer, err := s.Temporal.QueryWorkflow(
		ctx,
		t.TaskID,
		described.GetWorkflowExecutionInfo().GetExecution().GetRunId(),
		workflows.StatusQuery,
	)
	if err == nil {
		err = answer.Get(&status)
	}
	if err == nil {
		t.apply(status)
	} else {
		t.Stale = true
	}
	t.heartbeats(described)
}

// heartbeats fills in what is not known yet of how far a task is.
func (t *Task) heartbeats(described *workflowservice.DescribeWorkflowExecutionResponse) {
	counts := t.EndedAt == nil && t.Unit == ""
	for _, activity := range described.GetPendingActivities() {
		if t.Stage == "" {
			t.Stage = activity.GetActivityType().GetName()
		}
		var p workflows.Progress
		if counts && converter.GetDefaultDataConverter().FromPayloads(activity.GetHeartbeatDetails(), &p) == nil &&
			p.Unit != "" {
			t.Done, t.Total, t.Unit = t.Done+p.Done, t.Total+p.Total, p.Unit
		}
	}
}

// apply takes over what a task says of itself.
func (t *Task) apply(status workflows.Status) {
	t.Model, t.State, t.Stage = status.Model, status.State, status.Stage
	t.Done, t.Total, t.Unit = status.Done, status.Total, status.Unit
	t.RowsPerSecond, t.ETASeconds, t.Failed = status.RowsPerSecond, status.ETASeconds, status.Failed
	t.ShardsDone, t.ShardsTotal = status.ShardsDone, status.ShardsTotal
	t.EndedAt, t.Error, t.Search, t.Approval = status.EndedAt, status.Error, status.Search, status.Approval
	if status.Training != nil || status.Batch != nil || status.Promotion != nil {
		t.Result = &Result{Training: status.Training, Batch: status.Batch, Promotion: status.Promotion}
	}
}

// ended reads what came of a closed execution. What it left in the store has more (how far it was), Temporal has it for
// sure; neither needs a worker.
func (s *Server) ended(ctx context.Context, t *Task, runID string) error {
	ended := *t.EndedAt
	status, err := s.storedStatus(ctx, t.TaskID)
	// An id may be used again, as that of a promotion is: what an earlier run has left says nothing about this one.
	ofThisRun := err == nil && status.State == t.State && !status.UpdatedAt.Before(t.StartedAt) &&
		!status.UpdatedAt.After(ended)
	if !ofThisRun {
		return s.outcome(ctx, t, runID)
	}
	t.apply(status)
	t.EndedAt = &ended
	return nil
}

// outcome asks Temporal for the result of a closed execution, or why it has none.
func (s *Server) outcome(ctx context.Context, t *Task, runID string) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	var result Result
	var into any
	switch t.Type {
	case workflows.TrainingType:
		result.Training = new(workflows.TrainingResult)
		into = result.Training
	case workflows.BatchType:
		result.Batch = new(workflows.BatchResult)
		into = result.Batch
	default:
		result.Promotion = new(workflows.PromotionResult)
		into = result.Promotion
	}
	err := s.Temporal.GetWorkflow(ctx, t.TaskID, runID).Get(ctx, into)
	var failed *temporal.WorkflowExecutionError
	switch {
	case err == nil:
		t.Result = &result
		if b := result.Batch; b != nil {
			t.Done, t.Total, t.Unit = b.Rows, b.Rows, "rows"
		}
	case errors.As(err, &failed):
		_, t.Error = workflows.Outcome(err)
	default:
		return fmt.Errorf("read the outcome of %s: %w", problem.Clip(t.TaskID), err)
	}
	return nil
}

// storedTask is a task that Temporal has forgotten, as it was when it ended.
func (s *Server) storedTask(ctx context.Context, id string) (Task, error) {
	status, err := s.storedStatus(ctx, id)
	if errors.Is(err, objstore.ErrNotExist) {
		return Task{}, unknownTask(id)
	}
	if err != nil {
		return Task{}, fmt.Errorf("read the stored status of %s: %w", problem.Clip(id), err)
	}
	t := Task{TaskID: status.TaskID, Type: status.Type, StartedAt: status.StartedAt}
	t.apply(status)
	s.link(&t, "")
	return t, nil
}

func (s *Server) storedStatus(ctx context.Context, id string) (status workflows.Status, err error) {
	err = s.Store.GetJSON(ctx, s.Bucket, objstore.TaskKey(id), &status)
	return status, err
}
