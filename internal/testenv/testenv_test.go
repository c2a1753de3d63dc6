package testenv_test

import (
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func echo(_ workflow.Context, s string) (string, error) { return s, nil }

// Two tests may use the same workflow ids and queues, because each client has its own namespace.
func TestTemporal_keepsTestsApart(t *testing.T) {
	for _, want := range []string{"one", "two"} {
		c := testenv.Temporal(t)
		w := worker.New(c, "queue", worker.Options{})
		w.RegisterWorkflow(echo)
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: "same", TaskQueue: "queue", WorkflowExecutionErrorWhenAlreadyStarted: true,
		}, echo, want)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := run.Get(t.Context(), &got); err != nil || got != want {
			t.Errorf("the workflow returned %q, %v; want %q", got, err, want)
		}
	}
}

func TestBucket_isEmptyAndNew(t *testing.T) {
	store, bucket := testenv.S3(t), testenv.Bucket(t)
	refs, err := store.List(t.Context(), bucket, "")
	if err != nil || len(refs) != 0 {
		t.Errorf("a new bucket contains %v, %v; want nothing", refs, err)
	}
	if other := testenv.Bucket(t); other == bucket {
		t.Errorf("two buckets have the name %s", bucket)
	}
}

func TestMLflow_answers(t *testing.T) {
	if err := testenv.MLflow(t).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAll_startsEveryPartOnce(t *testing.T) {
	first := testenv.All(t)
	if first.Temporal == "" || first.S3 == "" || first.MLflow == "" {
		t.Errorf("the addresses are %+v, want all of them", first)
	}
	if again := testenv.All(t); again != first {
		t.Errorf("the addresses changed from %+v to %+v", first, again)
	}
}
