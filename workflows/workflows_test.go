package workflows_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"iris/activities"
	"iris/workflows"
)

// acts is nil and only for method references.
var acts *activities.Activities

// environment is a test environment with every workflow and activity. It captures the saved statuses.
type environment struct {
	*testsuite.TestWorkflowEnvironment
	saved []workflows.Status
}

func newEnvironment(t *testing.T) *environment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	e := &environment{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	e.SetTestTimeout(time.Minute) // of real time: the default of 3 s is short on a busy machine
	workflows.Register(e)
	e.RegisterActivity(acts)
	e.OnActivity(acts.SaveTask, mock.Anything, mock.Anything).Maybe().Return(nil).Run(func(args mock.Arguments) {
		var status workflows.Status
		if err := json.Unmarshal(args.Get(1).(activities.SaveTaskInput).Status, &status); err != nil {
			t.Errorf("saved status: %v", err)
		}
		e.saved = append(e.saved, status)
	})
	t.Cleanup(func() { e.AssertExpectations(t) })
	return e
}

// last returns the status that the last task saved.
func (e *environment) last(t *testing.T) workflows.Status {
	t.Helper()
	if len(e.saved) == 0 {
		t.Fatal("no status was saved")
	}
	return e.saved[len(e.saved)-1]
}

// status queries the workflow.
func (e *environment) status(t *testing.T) workflows.Status {
	t.Helper()
	value, err := e.QueryWorkflow(workflows.StatusQuery)
	if err != nil {
		t.Fatal(err)
	}
	var s workflows.Status
	if err := value.Get(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// applicationError returns the type and the message of the error that a workflow ended with.
func applicationError(t *testing.T, err error) (errorType, message string) {
	t.Helper()
	var application *temporal.ApplicationError
	if !errors.As(err, &application) {
		t.Fatalf("workflow ended with %v, want an application error", err)
	}
	return application.Type(), application.Message()
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestOutcome(t *testing.T) {
	internal := &workflows.TaskError{Type: "Internal", Message: "internal error"}
	tests := map[string]struct {
		err   error
		state workflows.State
		want  *workflows.TaskError
	}{
		"none": {nil, workflows.Success, nil},
		"cancelled": {
			temporal.NewCanceledError(),
			workflows.Revoked,
			&workflows.TaskError{Type: "Cancelled", Message: "cancelled"},
		},
		"terminated": {
			&temporal.TerminatedError{},
			workflows.Revoked,
			&workflows.TaskError{Type: "Cancelled", Message: "terminated"},
		},
		"for users": {
			temporal.NewNonRetryableApplicationError("line 3: no", activities.ErrBadDataset, nil), workflows.Failure,
			&workflows.TaskError{Type: "BadDataset", Message: "line 3: no"},
		},
		"not for users": {
			temporal.NewNonRetryableApplicationError("SELECT * FROM runs", activities.ErrRefused, nil),
			workflows.Failure,
			internal,
		},
		"undecodable": {
			temporal.NewApplicationError(
				"unable to decode the workflow function input payload with error: x",
				"wrapError",
			),
			workflows.Failure,
			&workflows.TaskError{
				Type:    "BadInput",
				Message: "unable to decode the workflow function input payload with error: x",
			},
		},
		"timeout": {
			temporal.NewHeartbeatTimeoutError(), workflows.Failure,
			&workflows.TaskError{Type: "Timeout", Message: "it took too long and was given up"},
		},
		"anything else": {errors.New("dial tcp 10.0.0.1: connection refused"), workflows.Failure, internal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state, got := workflows.Outcome(test.err)
			if state != test.state || (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("Outcome(%v) = %s, %+v; want %s, %+v", test.err, state, got, test.state, test.want)
			}
		})
	}
}
