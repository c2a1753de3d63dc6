package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"iris/internal/objstore"
)

// fate is what Temporal knows about a workflow id. The zero fate is that of an unknown id.
type fate struct {
	execution    string // the latest
	workflowType string
	status       enumspb.WorkflowExecutionStatus
	started      time.Time
	closed       time.Time // zero while it runs
}

func (f fate) known() bool   { return f.execution != "" }
func (f fate) running() bool { return f.known() && f.closed.IsZero() }

// fateOf asks Temporal about the latest execution of a workflow. A workflow that was reset runs again under its id.
func (s *Sweeper) fateOf(ctx context.Context, workflowID string) (fate, error) {
	if f, ok := s.fates[workflowID]; ok {
		return f, nil
	}
	f, err := s.describe(ctx, workflowID, "")
	if err == nil {
		s.fates[workflowID] = f
	}
	return f, err
}

func (s *Sweeper) describe(ctx context.Context, workflowID, execution string) (fate, error) {
	described, err := s.o.Temporal.DescribeWorkflowExecution(ctx, workflowID, execution)
	var unknown *serviceerror.NotFound
	var malformed *serviceerror.InvalidArgument // an execution that is not one of Temporal's
	switch {
	case errors.As(err, &unknown), errors.As(err, &malformed):
		return fate{}, nil
	case err != nil:
		return fate{}, fmt.Errorf("describe %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	f := fate{
		execution:    info.GetExecution().GetRunId(),
		workflowType: info.GetType().GetName(),
		status:       info.GetStatus(),
		started:      info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		f.closed = info.GetCloseTime().AsTime()
	}
	return f, nil
}

// owns reports whether a task is Iris' own, and not of another installation with the same MLflow. Temporal may know the
// execution; if not, the task has left something in the bucket. runID is of MLflow.
func (s *Sweeper) owns(ctx context.Context, workflowID, execution, runID string) (bool, error) {
	if execution != "" {
		if f, err := s.describe(ctx, workflowID, execution); err != nil || f.known() {
			return f.known(), err
		}
	}
	trace, err := ReadTrace(ctx, s.o.Store, s.o.Bucket, workflowID)
	if err == nil {
		return trace.Namespace == s.o.Namespace, nil
	}
	if !errors.Is(err, objstore.ErrNotExist) {
		return false, err
	}
	for _, prefix := range []string{objstore.TaskKey(workflowID), objstore.TrainingKey(runID, "")} {
		found, err := s.o.Store.ListObjects(ctx, s.o.Bucket, prefix, "", 1)
		if err != nil || len(found) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}
