package activities_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/testenv"
	"iris/model"
)

// The queues of the test of deaths: one for its workflow, and one for workers that are killed.
const (
	quietQueue  = "quiet"
	mortalQueue = "mortal"
)

// mortalWorker is the program that is killed: a worker with an activity that waits until it is cancelled.
func mortalWorker(address, namespace string) error {
	c, err := client.Dial(client.Options{HostPort: address, Namespace: namespace})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, mortalQueue, worker.Options{
		WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: time.Second,
		DisableWorkflowWorker: true,
	})
	w.RegisterActivityWithOptions(activities.WaitForDeath, activity.RegisterOptions{Name: "WaitForDeath"})
	if err := w.Start(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	w.Stop()
	return nil
}

// startMortal starts the program.
func startMortal(t *testing.T, address, namespace string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "mortal", address, namespace)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// risky runs the activity with short timeouts.
func risky(ctx workflow.Context) error {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: mortalQueue, StartToCloseTimeout: time.Minute, HeartbeatTimeout: 2 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, BackoffCoefficient: 1},
	}), "WaitForDeath").Get(ctx, nil)
}

// heartbeatOf waits until an attempt of the activity sends heartbeats that say how often the worker died before.
func heartbeatOf(ctx context.Context, t *testing.T, c client.Client, id string, attempt int32, deaths int) {
	t.Helper()
	for {
		d, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, pending := range d.PendingActivities {
			var p activities.Progress
			if pending.State == enums.PENDING_ACTIVITY_STATE_STARTED && pending.Attempt == attempt &&
				converter.GetDefaultDataConverter().FromPayloads(pending.HeartbeatDetails, &p) == nil &&
				pending.HeartbeatDetails != nil && !p.Ended && p.Deaths == deaths {
				return
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("attempt %d has no heartbeats that count %d deaths", attempt, deaths)
		}
	}
}

// TestDeaths_endWhatKillsTheWorker kills workers with SIGKILL. A worker that is stopped does not count.
func TestDeaths_endWhatKillsTheWorker(t *testing.T) {
	address, namespace := testenv.All(t).Temporal, testenv.Namespace(t)
	c, err := client.Dial(client.Options{HostPort: address, Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	quiet := worker.New(c, quietQueue, worker.Options{})
	quiet.RegisterWorkflow(risky)
	if err := quiet.Start(); err != nil {
		t.Fatal(err)
	}
	defer quiet.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "deaths", TaskQueue: quietQueue}, risky)
	if err != nil {
		t.Fatal(err)
	}
	for i, attempt := range []struct {
		deaths int // before it
		ends   os.Signal
	}{{0, syscall.SIGKILL}, {1, syscall.SIGTERM}, {0, syscall.SIGKILL}, {1, syscall.SIGKILL}, {2, syscall.SIGKILL}} {
		t.Logf("attempt %d", i+1)
		mortal := startMortal(t, address, namespace)
		heartbeatOf(ctx, t, c, "deaths", int32(i+1), attempt.deaths)
		if err := mortal.Process.Signal(attempt.ends); err != nil {
			t.Fatal(err)
		}
		_ = mortal.Wait()
	}
	startMortal(t, address, namespace)
	err = run.Get(ctx, nil)
	var final *temporal.ApplicationError
	if !errors.As(err, &final) || final.Type() != activities.ErrWorkerDied ||
		final.Message() != "the worker died three times during fit" {
		t.Errorf("the workflow ended with %v, want that the worker died", err)
	}
}

func TestDeaths_endFitsAndShards(t *testing.T) {
	l := newLab(t, "dies")
	died := activities.Progress{Done: 7, Deaths: 2}
	l.env.SetHeartbeatDetails(died)
	_, err := do(l, l.TrainModel, activities.TrainModelInput{Spec: model.Spec{}})
	refused(t, err, activities.ErrWorkerDied, "three times during fit")
	_, err = do(l, l.RunTrial, activities.RunTrialInput{})
	refused(t, err, activities.ErrWorkerDied, "three times during fit")
	_, err = do(l, l.ScoreShard, activities.ScoreShardInput{})
	refused(t, err, activities.ErrWorkerDied, "three times during scoring")

	died.Ended = true // the last attempt returned an error
	l.env.SetHeartbeatDetails(died)
	must(l, l.TrainModel, l.started("given/small.csv", oneDigit(200, 2), model.Spec{}))
}
