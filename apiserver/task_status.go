package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// queryTimeout bounds how long a worker may take to report the progress of a task. After it, the answer comes from
// Temporal's own description of the task.
const queryTimeout = 2 * time.Second

// find returns a task by its id as a path holds it. While Temporal remembers the task, its workflow answers; after
// that, the status that it left in the object store. A task that was accepted and left none is lost.
func (ts *tasks) find(ctx context.Context, escaped string) (Task, error) {
	id, err := taskID(escaped)
	if err != nil {
		return Task{}, err
	}
	described, err := ts.describe(ctx, id)
	var unknown *serviceerror.NotFound
	switch {
	case errors.As(err, &unknown):
		return ts.stored(ctx, id)
	case err != nil:
		return Task{}, fmt.Errorf("describe %s: %w", problem.Clip(id), err)
	}
	info := described.GetWorkflowExecutionInfo()
	if !slices.Contains(workflows.Types(), info.GetType().GetName()) {
		return Task{}, unknownTask(id)
	}
	t := ts.fromExecution(info)
	switch {
	case t.EndedAt != nil:
		err = ts.readEnded(ctx, &t, info.GetExecution().GetRunId())
	case untouched(info):
		t.State = workflows.Pending
	default:
		ts.readRunning(ctx, &t, described)
	}
	ts.awaitServed(ctx, &t)
	ts.link(&t, info.GetExecution().GetRunId())
	return t, err
}

// findFor returns a task that must have a type and be about a model.
func (ts *tasks) findFor(ctx context.Context, escaped, taskType, modelName string) (Task, error) {
	t, err := ts.find(ctx, escaped)
	if err == nil && (t.Type != taskType || t.Model != modelName) {
		return Task{}, problem.NotFound("there is no task %q of type %s about model %s",
			problem.Clip(escaped), taskType, problem.Clip(modelName))
	}
	return t, err
}

func (ts *tasks) describe(
	ctx context.Context, id string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	return ts.temporal.DescribeWorkflowExecution(ctx, id, "")
}

// untouched reports whether no worker has completed a first step yet. Until then a history has three events: workflow
// started, step scheduled, step started.
func untouched(info *workflowpb.WorkflowExecutionInfo) bool { return info.GetHistoryLength() <= 3 }

// readRunning queries the workflow for its progress. The heartbeats of its activities add what the workflow cannot
// know, such as the iterations of a fit, and replace the rest if no worker answers.
func (ts *tasks) readRunning(
	ctx context.Context, t *Task, described *workflowservice.DescribeWorkflowExecutionResponse,
) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var status workflows.Status
	runID := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	answer, err := ts.temporal.QueryWorkflow(ctx, t.TaskID, runID, workflows.StatusQuery)
	if err == nil {
		err = answer.Get(&status)
	}
	if err == nil {
		t.apply(status)
	} else {
		t.Stale = true
	}
	t.applyHeartbeats(described)
	t.TaskWaiting = ts.waiting(ctx, described, t.Stale)
}

// apply sets what a task reports about itself.
func (t *Task) apply(status workflows.Status) {
	t.Model, t.State, t.TaskProgress = status.Model, status.State, status.TaskProgress
	t.EndedAt, t.Error, t.Search, t.Approval = status.EndedAt, status.Error, status.Search, status.Approval
	t.Warnings, t.Data = status.Warnings, status.Data
	if status.Training != nil || status.Batch != nil || status.Promotion != nil {
		t.Result = &Result{Training: status.Training, Batch: status.Batch, Promotion: status.Promotion}
	}
}

// applyHeartbeats fills in the progress that is not known yet.
func (t *Task) applyHeartbeats(described *workflowservice.DescribeWorkflowExecutionResponse) {
	unknown := t.EndedAt == nil && t.Unit == ""
	for _, activity := range described.GetPendingActivities() {
		if t.Stage == "" {
			t.Stage = activity.GetActivityType().GetName()
		}
		if p, err := heartbeatOf(activity); unknown && err == nil && p.Unit != "" {
			t.Done, t.Total, t.Unit = t.Done+p.Done, t.Total+p.Total, p.Unit
		}
	}
}

// heartbeatOf returns the progress that an activity reported last.
func heartbeatOf(activity *workflowpb.PendingActivityInfo) (p workflows.Progress, err error) {
	err = converter.GetDefaultDataConverter().FromPayloads(activity.GetHeartbeatDetails(), &p)
	return p, err
}

// readEnded reads the result of an execution that has ended. The status in the object store says more, because it has
// the progress; Temporal always has the result. Neither needs a worker.
func (ts *tasks) readEnded(ctx context.Context, t *Task, runID string) error {
	ended := *t.EndedAt
	status, err := ts.storedStatus(ctx, t.TaskID)
	// Promotions of a model share an id. The status may be that of an earlier run.
	ofThisRun := err == nil && status.State == t.State && !status.UpdatedAt.Before(t.StartedAt) &&
		!status.UpdatedAt.After(ended)
	if !ofThisRun {
		return ts.readOutcome(ctx, t, runID)
	}
	t.apply(status)
	t.EndedAt = &ended
	return nil
}

// readOutcome asks Temporal for the result of an execution that has ended, or for its error.
func (ts *tasks) readOutcome(ctx context.Context, t *Task, runID string) error {
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
	err := ts.temporal.GetWorkflow(ctx, t.TaskID, runID).Get(ctx, into)
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

// stored returns a task that Temporal no longer remembers, as it was when it ended.
func (ts *tasks) stored(ctx context.Context, id string) (Task, error) {
	status, err := ts.storedStatus(ctx, id)
	if errors.Is(err, objstore.ErrNotExist) {
		return ts.lost(ctx, id)
	}
	if err != nil {
		return Task{}, fmt.Errorf("read the stored status of %s: %w", problem.Clip(id), err)
	}
	t := Task{TaskID: status.TaskID, Type: status.Type, StartedAt: status.StartedAt}
	t.apply(status)
	ts.link(&t, "")
	return t, nil
}

func (ts *tasks) storedStatus(ctx context.Context, id string) (status workflows.Status, err error) {
	err = ts.store.GetJSON(ctx, ts.bucket, objstore.TaskKey(id), &status)
	return status, err
}
