package apiserver

import (
	"context"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/workflows"
)

// WaitQuery is the parameter of requests that may wait for the end of a task.
type WaitQuery struct {
	Wait string `query:"wait" pattern:"^([1-5]?[0-9]|60)s?$" patternDescription:"0 to 60 seconds" doc:"Answer when the task has ended, but after that many seconds at the latest; 60 at most." example:"30s"`
}

// duration returns how long to wait, 0 for a request without the parameter.
func (q WaitQuery) duration() time.Duration {
	seconds, _ := strconv.Atoi(strings.TrimSuffix(q.Wait, "s")) // the pattern admits nothing else
	return time.Duration(seconds) * time.Second
}

// await calls find until the task that it returns has ended, for at most that long, and returns the task of the last
// call. Between the calls it waits for Temporal to report the end of the workflow. It also returns when the server is
// about to stop, so that the wait does not delay the stop.
func (ts *tasks) await(
	ctx context.Context,
	patience time.Duration,
	find func(context.Context) (Task, error),
) (Task, error) {
	t, err := find(ctx)
	if patience == 0 {
		return t, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer ts.onDrain(cancel)()
	for err == nil && t.running() && waiting.Err() == nil {
		if t.Stage != stageServe && !ts.awaitEnd(waiting, t.TaskID) {
			break
		}
		t, err = find(ctx)
	}
	return t, err
}

// running reports whether a task may still end.
func (t *Task) running() bool { return t.EndedAt == nil && t.State != workflows.Lost }

// awaitEnd waits for the end of a workflow. It returns false if Temporal does not report one, because it does not
// answer or because it has forgotten the workflow. The result of find is then the best there is.
func (ts *tasks) awaitEnd(ctx context.Context, id string) bool {
	history := ts.temporal.GetWorkflowHistory(ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	for history.HasNext() {
		if _, err := history.Next(); err != nil {
			return ctx.Err() != nil // after the wait, the task is looked up once more
		}
	}
	return true
}
