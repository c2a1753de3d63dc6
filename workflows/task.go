package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
)

// task is the part that all workflows share: the status that answers queries, and the log in the Temporal UI.
type task struct {
	status Status
	lines  []string // of the log, which the Temporal UI shows as the current details
}

// startTask registers the query first, so that a task has a status from its start. It stores the model in the memo,
// where a reader finds it without a worker.
func startTask(ctx workflow.Context, modelName string) (*task, error) {
	info := workflow.GetInfo(ctx)
	t := &task{status: Status{
		TaskID: info.WorkflowExecution.ID, Type: info.WorkflowType.Name, Model: modelName,
		State: Started, StartedAt: info.WorkflowStartTime.UTC(), UpdatedAt: workflow.Now(ctx).UTC(),
	}}
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return t.status, nil }); err != nil {
		return nil, err
	}
	return t, workflow.UpsertMemo(ctx, map[string]any{MemoModel: modelName})
}

// stage starts a step of the task.
func (t *task) stage(ctx workflow.Context, name string) {
	t.status.Stage = name
	t.logf(ctx, "%s", name)
}

// logf adds a line to the log that the Temporal UI shows.
func (t *task) logf(ctx workflow.Context, format string, args ...any) {
	now := workflow.Now(ctx).UTC()
	t.status.UpdatedAt = now
	t.lines = append(t.lines, "- "+now.Format("15:04:05")+" "+fmt.Sprintf(format, args...))
	workflow.SetCurrentDetails(ctx, strings.Join(t.lines, "\n"))
}

// warn records that the task goes on without something that failed.
func (t *task) warn(ctx workflow.Context, what string, err error) {
	workflow.GetLogger(ctx).Warn("a task goes on without something that failed", "what", what, "error", err)
	t.status.Warnings = append(t.status.Warnings, what)
	t.logf(ctx, "warning: %s", what)
}

// warnAll records what an activity went on without. The worker has logged the errors.
func (t *task) warnAll(ctx workflow.Context, warnings []string) {
	for _, what := range warnings {
		if !slices.Contains(t.status.Warnings, what) {
			t.status.Warnings = append(t.status.Warnings, what)
			t.logf(ctx, "warning: %s", what)
		}
	}
}

// end sets the final status from the error that the task ends with. It returns a context in which the closing
// activities run even if the task was cancelled.
func (t *task) end(ctx workflow.Context, err error) workflow.Context {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	now := workflow.Now(ctx).UTC()
	t.status.EndedAt = &now
	t.status.State, t.status.Error = Outcome(err)
	if err == nil {
		t.stage(ctx, "done")
	} else {
		t.logf(ctx, "%s: %s", t.status.State, t.status.Error.Message)
	}
	return ctx
}

// undecodable is how the SDK's message begins if an input does not fit the workflow's type.
const undecodable = "unable to decode the workflow function input payload"

// Outcome translates the error that a task ended with for its user. Errors that are not meant for users become
// "internal error"; the Temporal UI and the logs have their text.
func Outcome(err error) (State, *TaskError) {
	var application *temporal.ApplicationError
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return Success, nil
	case temporal.IsCanceledError(err):
		return Revoked, &TaskError{Type: "Cancelled", Message: "cancelled"}
	case errors.As(err, &terminated):
		return Revoked, &TaskError{Type: "Cancelled", Message: "terminated"}
	case errors.As(err, &application) && activities.ForUsers(application.Type()):
		return Failure, &TaskError{Type: application.Type(), Message: application.Message()}
	case application != nil && strings.HasPrefix(application.Message(), undecodable):
		return Failure, &TaskError{Type: activities.ErrBadInput, Message: application.Message()}
	case application != nil && outage(application) != "":
		return Failure, &TaskError{Type: "Timeout", Message: "it was given up, because " + outage(application)}
	case errors.As(err, &timeout):
		return Failure, &TaskError{Type: "Timeout", Message: "it took too long and was given up"}
	default:
		return Failure, &TaskError{Type: "Internal", Message: "internal error"}
	}
}

// Types of errors that Retried knows, besides those of outages.
const (
	ErrTooSlow = activities.ErrTooSlow
	ErrUnknown = activities.ErrUnknown
)

// Retried returns what an activity waits for after an error of a type that is retried, and the error in words for
// users. A type that it does not know is ErrUnknown.
func Retried(errorType string) (waitsFor, words string) {
	waitsFor, words, ok := activities.Retried(errorType)
	if !ok {
		waitsFor, words, _ = activities.Retried(ErrUnknown)
	}
	return waitsFor, words
}

// outage returns why an activity was retried to the end of its budget, in words for users; "" for another error.
func outage(err *temporal.ApplicationError) string {
	if err.Type() == activities.ErrUnknown {
		return ""
	}
	_, words, _ := activities.Retried(err.Type())
	return words
}

// badInput returns an error that is not retried, because the same input would fail again.
func badInput(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), activities.ErrBadInput, err)
}

// save stores the final status, for the time after Temporal deletes the task. A failed save is logged and does not fail
// the task.
func (t *task) save(ctx workflow.Context) {
	var a *activities.Activities
	ctx = withOptions(ctx, closing, "save the status")
	status, err := json.Marshal(t.status)
	if err == nil {
		in := activities.SaveTaskInput{TaskID: t.status.TaskID, Status: status}
		err = workflow.ExecuteActivity(ctx, a.SaveTask, in).Get(ctx, nil)
	}
	if err != nil {
		workflow.GetLogger(ctx).Error("saving the status of a task", "error", err)
	}
}
