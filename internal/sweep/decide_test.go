package sweep

import (
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/internal/mlflow"
)

const (
	grace     = 10 * time.Minute
	leftovers = 7 * 24 * time.Hour
)

// States of closed workflows.
const (
	completed  = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	failed     = enumspb.WORKFLOW_EXECUTION_STATUS_FAILED
	timedOut   = enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
	cancelled  = enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
	terminated = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// closed is the fate of a workflow that was closed some time ago.
func closed(d time.Duration, status enumspb.WorkflowExecutionStatus) fate {
	return fate{execution: "latest", status: status, started: ago(d + time.Hour), closed: ago(d)}
}

var (
	unknown = fate{}
	running = fate{
		execution: "latest", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, started: ago(40 * 24 * time.Hour),
	}
)

func TestEnded(t *testing.T) {
	for name, test := range map[string]struct {
		f     fate
		began time.Time
		want  bool
	}{
		"running, or waiting for a month":     {running, ago(30 * 24 * time.Hour), false},
		"closed, and its last step may go on": {closed(grace-time.Second, terminated), ago(time.Hour), false},
		"closed":                              {closed(grace, terminated), ago(time.Hour), true},
		"unknown, and just begun":             {unknown, ago(grace - time.Second), false},
		"unknown":                             {unknown, ago(grace), true},
	} {
		if got := ended(test.f, test.began, now, grace); got != test.want {
			t.Errorf("%s: ended is %t, want %t", name, got, test.want)
		}
	}
}

func TestEndOfRun(t *testing.T) {
	for name, test := range map[string]struct {
		f         fate
		execution string
		want      mlflow.RunStatus
		why       string
	}{
		"completed":               {closed(0, completed), "latest", mlflow.RunFinished, reasonCompleted},
		"completed after a reset": {closed(0, completed), "first", mlflow.RunKilled, reasonReplaced},
		"failed":                  {closed(0, failed), "latest", mlflow.RunFailed, reasonFailed},
		"timed out":               {closed(0, timedOut), "latest", mlflow.RunFailed, reasonTimedOut},
		"cancelled":               {closed(0, cancelled), "latest", mlflow.RunKilled, reasonCancelled},
		"terminated":              {closed(0, terminated), "latest", mlflow.RunKilled, reasonTerminated},
		"unknown":                 {unknown, "latest", mlflow.RunKilled, reasonUnknown},
	} {
		status, why := endOfRun(test.f, test.execution)
		if status != test.want || why != test.why {
			t.Errorf("%s: the run becomes %s because %s, want %s because %s", name, status, why, test.want, test.why)
		}
	}
}

func TestDecideTrace(t *testing.T) {
	trace := Trace{AcceptedAt: ago(time.Hour)}
	old, fresh := &Status{UpdatedAt: ago(2 * time.Hour)}, &Status{UpdatedAt: ago(30 * time.Minute)}
	stopped := closed(20*time.Minute, terminated)
	for name, test := range map[string]struct {
		trace  Trace
		f      fate
		stored *Status
		want   traceAction
	}{
		"runs":                          {trace, running, nil, keepTrace},
		"runs again under its id":       {trace, running, fresh, keepTrace},
		"has just ended":                {trace, closed(time.Minute, completed), nil, keepTrace},
		"was just accepted":             {Trace{AcceptedAt: ago(time.Minute)}, unknown, nil, keepTrace},
		"left its status":               {trace, stopped, fresh, dropTrace},
		"left its status, is forgotten": {trace, unknown, fresh, dropTrace},
		"a clock is slow":               {trace, unknown, &Status{UpdatedAt: trace.AcceptedAt.Add(-clockSkew)}, dropTrace},
		"terminated":                    {trace, stopped, nil, saveStatus},
		"terminated, a later one":       {trace, stopped, old, saveStatus},
		"lost":                          {trace, unknown, nil, saveLost},
		"lost, a later one":             {trace, unknown, old, saveLost},
	} {
		if got := decideTrace(test.trace, test.f, test.stored, now, grace); got != test.want {
			t.Errorf("%s: action %d, want %d", name, got, test.want)
		}
	}
}

func TestTrainingIsOver(t *testing.T) {
	finished := func(d time.Duration) *mlflow.Run { return &mlflow.Run{Status: mlflow.RunFinished, End: ago(d)} }
	done := closed(leftovers, completed)
	for name, test := range map[string]struct {
		run      *mlflow.Run
		f        fate
		modified time.Duration
		want     bool
	}{
		"registered long ago":                  {finished(leftovers), done, leftovers, true},
		"registered long ago, task forgotten":  {finished(leftovers), unknown, leftovers, true},
		"ended a day ago":                      {finished(24 * time.Hour), done, leftovers, false},
		"written a day ago":                    {finished(leftovers), done, 24 * time.Hour, false},
		"waits for approval":                   {&mlflow.Run{Status: mlflow.RunRunning}, running, 30 * 24 * time.Hour, false},
		"was reset and runs again":             {finished(leftovers), running, leftovers, false},
		"its run stays open":                   {&mlflow.Run{Status: mlflow.RunRunning}, unknown, leftovers, false},
		"its run is gone, but it may be alive": {nil, unknown, 39 * 24 * time.Hour, false},
		"its run is gone":                      {nil, unknown, maxTaskAge, true},
	} {
		if got := trainingIsOver(test.run, test.f, ago(test.modified), now, leftovers); got != test.want {
			t.Errorf("%s: over is %t, want %t", name, got, test.want)
		}
	}
}

func TestBatchIsOver(t *testing.T) {
	status := func(state string, d time.Duration) *Status { return &Status{State: state, UpdatedAt: ago(d)} }
	for name, test := range map[string]struct {
		stored   *Status
		f        fate
		manifest bool
		modified time.Duration
		want     bool
	}{
		"failed long ago":        {status("FAILURE", leftovers), unknown, false, leftovers, true},
		"lost long ago":          {status(stateLost, leftovers), unknown, false, leftovers, true},
		"failed a day ago":       {status("FAILURE", 24*time.Hour), unknown, false, leftovers, false},
		"written a day ago":      {status("FAILURE", leftovers), unknown, false, 24 * time.Hour, false},
		"cancelled, has results": {status("REVOKED", leftovers), unknown, true, leftovers, false},
		"succeeded":              {status(stateSuccess, leftovers), unknown, true, leftovers, false},
		"its results expire":     {status(stateSuccess, leftovers), unknown, false, leftovers, false},
		"was reset":              {status("FAILURE", leftovers), running, false, leftovers, false},
		"left no status":         {nil, unknown, false, 20 * 24 * time.Hour, false},
	} {
		if got := batchIsOver(test.stored, test.f, test.manifest, ago(test.modified), now, leftovers); got != test.want {
			t.Errorf("%s: over is %t, want %t", name, got, test.want)
		}
	}
}
