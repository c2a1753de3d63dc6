package apiserver

import (
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"iris/workflows"
)

func TestTask_namesWhatItWaitsFor(t *testing.T) {
	a := newAPI(t)
	for name, how := range map[string]string{"a step": retries, "the promotion of a training": promotes} {
		t.Run(name, func(t *testing.T) {
			id := "training-iris-" + how
			in := workflows.TrainingInput{Model: "iris", LabelColumn: how}
			a.world.start(t, id, workflows.TaskQueue, workflows.TrainingType, in, memo("iris"))
			var answer answer
			var got taskView
			deadline := time.Now().Add(30 * time.Second)
			for got.NextTry == nil {
				if time.Now().After(deadline) {
					t.Fatalf("the task does not say when it is tried again: %s", answer.body)
				}
				answer = a.do(t, "GET", "/tasks/"+id, nil)
				answer.json(t, 200, &got)
			}
			if got.State != workflows.Started || got.WaitingFor != "mlflow" || got.LastError != "MLflow answers 503" ||
				got.Attempts != 1 || time.Until(*got.NextTry) < 50*time.Minute || got.Stale {
				t.Errorf("got %+v, want that it waits for MLflow after one attempt, for an hour", got.TaskWaiting)
			}
			if strings.Contains(string(answer.body), "10.0.0.7") {
				t.Errorf("the answer has the address of MLflow: %s", answer.body)
			}
		})
	}
}

func TestWaitOf(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) *timestamppb.Timestamp {
		return timestamppb.New(now.Add(time.Duration(seconds) * time.Second))
	}
	failed := func(errorType string) *failurepb.Failure {
		return &failurepb.Failure{Message: "10.0.0.7", FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
			ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: errorType},
		}}
	}
	timedOut := func(kind enumspb.TimeoutType) *failurepb.Failure {
		return &failurepb.Failure{FailureInfo: &failurepb.Failure_TimeoutFailureInfo{
			TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{TimeoutType: kind},
		}}
	}
	const queued, running = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, enumspb.PENDING_ACTIVITY_STATE_STARTED
	type info = workflowpb.PendingActivityInfo
	for name, test := range map[string]struct {
		info     *info
		waits    string
		attempts int32
		words    string
		nextTry  bool
	}{
		"the first attempt runs": {&info{State: running, Attempt: 1, LastStartedTime: at(-100)}, "", 0, "", false},
		"just scheduled":         {&info{State: queued, Attempt: 1, ScheduledTime: at(-1)}, "", 0, "", false},
		"no worker takes it":     {&info{State: queued, Attempt: 1, ScheduledTime: at(-6)}, "worker", 0, "", false},
		"S3 is down": {
			&info{State: queued, Attempt: 3, NextAttemptScheduleTime: at(7), LastFailure: failed("StoreDown")},
			"minio", 2, "the object store does not answer", true,
		},
		"no worker takes the retry": {
			&info{State: queued, Attempt: 3, NextAttemptScheduleTime: at(-7), LastFailure: failed("StoreDown")},
			"worker", 2, "the object store does not answer", false,
		},
		"a retry has just begun": {
			&info{State: running, Attempt: 3, LastStartedTime: at(-1), LastFailure: failed("MLflowDown")},
			"mlflow", 3, "MLflow does not answer", false,
		},
		"a retry makes progress": {
			&info{State: running, Attempt: 3, LastStartedTime: at(-60), LastFailure: failed("MLflowDown")},
			"", 3, "MLflow does not answer", false,
		},
		"a worker died": {
			&info{State: queued, Attempt: 2, ScheduledTime: at(1), LastFailure: timedOut(enumspb.TIMEOUT_TYPE_HEARTBEAT)},
			"worker", 1, "the worker stopped during the attempt", true,
		},
		"an attempt was too slow": {
			&info{State: queued, Attempt: 2, ScheduledTime: at(1), LastFailure: timedOut(enumspb.TIMEOUT_TYPE_START_TO_CLOSE)},
			"worker", 1, "the attempt took too long", true,
		},
		"an error of an older worker": {
			&info{State: queued, Attempt: 2, ScheduledTime: at(1), LastFailure: failed("wrapError")},
			"retry", 1, "internal error; the log of the worker has it", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := waitOf(test.info, now)
			if got.WaitingFor != test.waits || got.Attempts != test.attempts || got.LastError != test.words ||
				(got.NextTry != nil) != test.nextTry {
				t.Errorf("got %+v, want %+v", got, test)
			}
		})
	}
}
