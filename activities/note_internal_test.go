package activities

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"iris/internal/mlflow"
)

// The retries of an activity end with a success if MLflow fails on notes only. In an outage they go on.
func TestNote(t *testing.T) {
	for name, test := range map[string]struct {
		status, others int // of a note, and of other requests
		attempts       int
		ends           bool // with a success
	}{
		"MLflow takes it":             {200, 200, 1, true},
		"MLflow refuses it":           {400, 200, 1, true},
		"MLflow fails on notes only":  {500, 200, noteAttempts, true},
		"MLflow fails on all of them": {500, 503, 10, false}, // the test environment makes ten attempts
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status := test.others
				if strings.HasSuffix(r.URL.Path, "/log-batch") {
					status = test.status
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{}`)
			}))
			defer server.Close()
			a := &Activities{o: Options{MLflow: mlflow.New(mlflow.Options{URL: server.URL})}}
			attempts := 0
			write := func(ctx context.Context) error {
				attempts++
				tags := mlflow.Batch{Tags: map[string]string{"a": "b"}}
				n := notes{a: a}
				err := n.batch(ctx, "no tag", "run", tags)
				if dropped := err == nil && test.status != http.StatusOK; dropped != slices.Equal(n.dropped, []string{"no tag"}) {
					t.Errorf("dropped %q after %v, want the note only if MLflow never takes it", n.dropped, err)
				}
				return translate(ctx, err)
			}
			task := func(ctx workflow.Context) error {
				ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
				return workflow.ExecuteActivity(ctx, write).Get(ctx, nil)
			}
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetTestTimeout(time.Minute) // of real time
			env.RegisterActivity(write)
			env.RegisterWorkflow(task)
			env.ExecuteWorkflow(task)
			if err := env.GetWorkflowError(); (err == nil) != test.ends || attempts != test.attempts {
				t.Errorf("%d attempts ended with %v; want %d, and a success: %v", attempts, err, test.attempts, test.ends)
			}
		})
	}
}
