package starts

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"iris/apiserver/httpio"
	"iris/workflows"
)

// patience bounds the search for a task after a start that ended with err. If Temporal answers nothing at all, the
// search is short: it succeeds only if Temporal is back.
func patience(err error) time.Duration {
	if errors.Is(err, httpio.ErrNoAnswer) {
		return 800 * time.Millisecond
	}
	return 2 * time.Second
}

// UnknownError means that a task may have started, or may still start. Temporal did not answer the start, and Starts
// did not find the task afterwards.
type UnknownError struct {
	TaskID string
	cause  error
}

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("it is not known whether %s has started: %v", e.TaskID, e.cause)
}

// Unwrap returns why.
func (e *UnknownError) Unwrap() error { return e.cause }

// refused reports whether err is Temporal's refusal of a start. After any other error the start may have happened.
func refused(err error) bool {
	var answer serviceerror.ServiceError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Status().Code() {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return true
	}
	return false
}

// execution is what the memo of a task tells about its start.
type execution struct {
	run                client.WorkflowRun
	status             enumspb.WorkflowExecutionStatus
	start, fingerprint string
}

func (s *Starts) executionOf(ctx context.Context, info *workflowpb.WorkflowExecutionInfo) execution {
	id, memo := info.GetExecution(), info.GetMemo()
	return execution{
		run:         s.temporal.GetWorkflow(ctx, id.GetWorkflowId(), id.GetRunId()),
		status:      info.GetStatus(),
		start:       memoText(memo, memoStart),
		fingerprint: memoText(memo, memoFingerprint),
	}
}

// memoText returns a text of a memo, "" if it has none. Another program may have written the memo.
func memoText(memo *commonpb.Memo, key string) (text string) {
	if payload := memo.GetFields()[key]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &text)
	}
	return text
}

// latest returns the latest execution of an id, also for a client that has hung up.
func (s *Starts) latest(ctx context.Context, id string, patience time.Duration) (execution, error) {
	bounded, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), patience, httpio.ErrNoAnswer)
	defer cancel()
	described, err := s.temporal.DescribeWorkflowExecution(bounded, id, "")
	if err != nil {
		return execution{}, fmt.Errorf("describe %s: %w", id, err)
	}
	return s.executionOf(ctx, described.GetWorkflowExecutionInfo()), nil
}

// Find returns the run of an earlier start that has not failed, nil if there is none. Later starts may have used the id
// since then.
func (s *Starts) Find(ctx context.Context, id, start string) (client.WorkflowRun, error) {
	last, err := s.latest(ctx, id, httpio.DependencyTimeout)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return nil, nil
	case err != nil:
		return nil, err
	case last.start == start:
		return last.lasting(), nil
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	const recent = 100
	page, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = '%s'", id), PageSize: recent, // the newest come first
	})
	if err != nil {
		return nil, fmt.Errorf("list the runs of %s: %w", id, err)
	}
	for _, info := range page.GetExecutions() {
		if found := s.executionOf(ctx, info); found.start == start {
			return found.lasting(), nil
		}
	}
	return nil, nil
}

// lasting returns the run if it is running or has succeeded.
func (e execution) lasting() client.WorkflowRun {
	switch e.status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return e.run
	}
	return nil
}

// failedForOurReason reports whether a task has failed, and not because of what was requested.
func (s *Starts) failedForOurReason(ctx context.Context, e execution) (bool, error) {
	switch e.status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return true, nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
	default: // it runs, it succeeded, or somebody stopped it
		return false, nil
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err := e.run.Get(ctx, nil)
	var failed *temporal.WorkflowExecutionError
	if !errors.As(err, &failed) {
		return false, fmt.Errorf("read the outcome of %s: %w", e.run.GetID(), err)
	}
	_, reason := workflows.Outcome(err)
	return reason != nil && reason.MayPass(), nil
}
