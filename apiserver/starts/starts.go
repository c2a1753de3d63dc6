// Package starts starts tasks: workflows that requests ask for. It bounds how many starts run at once, it finds out how
// a start ended whose answer was lost, and it starts a request that has an idempotency key once. It neither follows a
// task nor knows what a task does.
package starts

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/workflows"
)

// ExecutionTimeout is longer than any task takes, including a month of waiting for approval and outages of its
// dependencies. It ends a task that would otherwise be forgotten for years.
const ExecutionTimeout = workflows.ApprovalTimeout + 7*24*time.Hour

// Keys of the memo of a task.
const (
	memoFingerprint = "fingerprint" // of the request
	memoStart       = "start"       // identifies the start, because tasks may share an id
)

// Task is a task to be started.
type Task struct {
	ID, Model, Summary string
	Priority           temporal.Priority
	Workflow, Input    any

	// Start identifies the start: Find finds the task by it. If it is empty, it is random.
	Start string

	// Fingerprint is the hash of a request that has an idempotency key; see Once.
	Fingerprint string
}

// Options configures Starts. Temporal is required.
type Options struct {
	Temporal client.Client

	AtOnce   int           // starts that run at the same time; 0 is 16
	Waiting  int           // starts that wait for one of those to end; 0 is 128
	Deadline time.Duration // of a start, and of the wait for its turn; 0 is 10 s
}

// Starts starts tasks.
type Starts struct {
	temporal client.Client
	deadline time.Duration

	running    chan struct{} // has an element for each admitted start
	waiting    atomic.Int64
	maxWaiting int64
	answered   atomic.Int64 // when Temporal last answered, in Unix nanoseconds
}

// New returns a Starts.
func New(o Options) *Starts {
	return &Starts{
		temporal:   o.Temporal,
		deadline:   cmp.Or(o.Deadline, 10*time.Second),
		running:    make(chan struct{}, cmp.Or(o.AtOnce, 16)),
		maxWaiting: int64(cmp.Or(o.Waiting, 128)),
	}
}

// errUnanswered marks a start that may have happened.
var errUnanswered = errors.New("temporal did not answer")

// ErrOtherRequest means that the id of a task belongs to another request.
var ErrOtherRequest = errors.New("another request has this idempotency key")

// Start starts a task. The caller has been admitted. An id that is already running is an error of type
// serviceerror.WorkflowExecutionAlreadyStarted, so that a client never follows another task. After an *UnknownError the
// task may be running, so the caller must leave what it reads. After any other error it is not running and never will.
// A client that hangs up does not end the start.
func (s *Starts) Start(ctx context.Context, t Task) (client.WorkflowRun, error) {
	t.Start = cmp.Or(t.Start, rand.Text())
	run, err := s.execute(ctx, t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
	if !errors.Is(err, errUnanswered) {
		return run, err
	}
	last, findErr := s.latest(ctx, t.ID, patience(err))
	if findErr != nil || last.start != t.Start {
		return nil, &UnknownError{TaskID: t.ID, cause: errors.Join(err, findErr)}
	}
	return last.run, nil
}

// Once starts a task that has a fingerprint, unless the same request has started it before; then it reports false. The
// id of the task is never used again, with one exception: if the task failed for a reason that was not in the request,
// the same request starts it again. If another request has the id, the error is ErrOtherRequest. The rest is as for
// Start. Without a fingerprint Once is Start.
func (s *Starts) Once(ctx context.Context, t Task) (started bool, err error) {
	if t.Fingerprint == "" {
		_, err := s.Start(ctx, t)
		return err == nil, err
	}
	t.Start = cmp.Or(t.Start, rand.Text())
	const attempts = 3 // more than one only if the task fails between them
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	for range attempts {
		_, err := s.execute(ctx, t, reuse)
		var already *serviceerror.WorkflowExecutionAlreadyStarted
		unanswered := errors.Is(err, errUnanswered)
		if !unanswered && !errors.As(err, &already) {
			return err == nil, err
		}
		last, findErr := s.latest(ctx, t.ID, patience(err))
		switch {
		case findErr != nil && unanswered:
			return false, &UnknownError{TaskID: t.ID, cause: errors.Join(err, findErr)}
		case findErr != nil:
			return false, findErr
		case last.start == t.Start:
			return true, nil
		case last.fingerprint != t.Fingerprint:
			return false, ErrOtherRequest
		case unanswered && reuse != enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE:
			return false, &UnknownError{TaskID: t.ID, cause: err} // it may still start when the task that was found fails
		}
		again, err := s.failedForOurReason(ctx, last)
		if err != nil || !again {
			return false, err
		}
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	}
	return false, nil
}

// execute starts a workflow. It gives up after the deadline, or when Temporal answers nothing at all.
func (s *Starts) execute(
	ctx context.Context, t Task, reuse enumspb.WorkflowIdReusePolicy,
) (client.WorkflowRun, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.deadline, errLate)
	defer cancel()
	ctx, stop := s.whileAnswering(ctx)
	defer stop()
	memo := map[string]any{workflows.MemoModel: t.Model, memoStart: t.Start}
	if t.Fingerprint != "" {
		memo[memoFingerprint] = t.Fingerprint
	}
	run, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       t.ID,
		WorkflowIDReusePolicy:                    reuse,
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionTimeout:                 ExecutionTimeout,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            t.Summary,
		Priority:                                 t.Priority,
		Memo:                                     memo,
	}, t.Workflow, t.Input)
	switch {
	case err == nil:
		s.noteAnswer()
		return run, nil
	case refused(err):
		return nil, fmt.Errorf("start %s: %w", t.ID, err)
	}
	return nil, fmt.Errorf("start %s: %w: %w", t.ID, errUnanswered, errors.Join(err, context.Cause(ctx)))
}
