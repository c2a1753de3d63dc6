package workflows_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/objstore"
	"iris/workflows"
)

var (
	batchInput = workflows.BatchInput{Model: "iris", Rows: objstore.Ref{Bucket: "iris", Key: "batches/b/input.csv"}, Count: 60}
	pinned     = activities.PinnedModel{Model: "iris", Number: "3", URI: "models:/iris/3"}
)

// onShards plans n shards of 3 rows.
func onShards(e *environment, n int) {
	plan := activities.Plan{Rows: int64(3 * n)}
	for i := range n {
		plan.Shards = append(plan.Shards, activities.Shard{Offset: int64(10 * i), Length: 10, First: int64(3 * i), Rows: 3})
	}
	e.OnActivity(acts.PinModel, mock.Anything, mock.Anything).Return(pinned, nil).Once()
	e.OnActivity(acts.PlanShards, mock.Anything, mock.Anything).Return(plan, nil).Once()
}

func TestBatchPrediction_scoresEveryShardOnce(t *testing.T) {
	const shards = 20
	e := newEnvironment(t)
	onShards(e, shards)
	var running, most atomic.Int32
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ScoreShardInput) (activities.Part, error) {
		defer running.Add(-1)
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		if in.Model != pinned {
			t.Errorf("shard %d scored with %+v, want the pinned version", in.Index, in.Model)
		}
		return activities.Part{Ref: objstore.Ref{Key: objstore.BatchPartKey("b", in.Index, "csv")}, Rows: in.Shard.Rows}, nil
	}).Times(shards)
	manifest := objstore.Ref{Bucket: "iris", Key: "batches/b/manifest.json"}
	e.OnActivity(acts.WriteManifest, mock.Anything, mock.MatchedBy(func(in activities.WriteManifestInput) bool {
		for i, part := range in.Parts {
			if part.Ref.Key != objstore.BatchPartKey("b", i, "csv") {
				return false
			}
		}
		return len(in.Parts) == shards && in.Count == 3*shards
	})).Return(manifest, nil).Once()

	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)

	var got workflows.BatchResult
	if err := e.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	want := workflows.BatchResult{Model: "iris", Version: "3", ModelID: "models:/iris/3", Rows: 60, Shards: shards, Manifest: manifest}
	if got != want {
		t.Errorf("result %+v, want %+v", got, want)
	}
	if n := most.Load(); n > 8 {
		t.Errorf("%d shards at once, want at most 8", n)
	}
	if s := e.last(t); s.Done != 60 || s.Total != 60 || s.Unit != "rows" || s.State != workflows.Success {
		t.Errorf("saved status %+v, want 60 of 60 rows", s)
	}
}

func TestBatchPrediction_showsProgress(t *testing.T) {
	e := newEnvironment(t)
	onShards(e, 3)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ScoreShardInput) (activities.Part, error) {
		return activities.Part{Rows: in.Shard.Rows}, nil
	}).Once()
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(activities.Part{Rows: 3}, nil).After(time.Hour)
	e.OnActivity(acts.WriteManifest, mock.Anything, mock.Anything).Return(objstore.Ref{}, nil)
	var during workflows.Status
	e.RegisterDelayedCallback(func() { during = e.status(t) }, time.Minute)
	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
	if during.Done != 3 || during.Total != 9 || during.Stage != "score the rows" {
		t.Errorf("status while scoring: %+v, want 3 of 9 rows", during)
	}
}

func TestBatchPrediction_oneBadShardEndsIt(t *testing.T) {
	e := newEnvironment(t)
	onShards(e, 12)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.MatchedBy(func(in activities.ScoreShardInput) bool { return in.Index == 1 })).
		Return(activities.Part{}, temporal.NewNonRetryableApplicationError("line 6: not a number", activities.ErrBadDataset, nil))
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(activities.Part{}, nil).After(time.Hour).Maybe()
	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
	if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrBadDataset {
		t.Errorf("failed with %s, want BadDataset", errorType)
	}
}

func TestBatchPrediction_stepsThatFail(t *testing.T) {
	bad := temporal.NewNonRetryableApplicationError("no", activities.ErrModelNotFound, nil)
	tests := map[string]func(*environment){
		"pin": func(e *environment) {
			e.OnActivity(acts.PinModel, mock.Anything, mock.Anything).Return(activities.PinnedModel{}, bad)
		},
		"plan": func(e *environment) {
			e.OnActivity(acts.PinModel, mock.Anything, mock.Anything).Return(pinned, nil)
			e.OnActivity(acts.PlanShards, mock.Anything, mock.Anything).Return(activities.Plan{}, bad)
		},
		"manifest": func(e *environment) {
			onShards(e, 1)
			e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(activities.Part{}, nil)
			e.OnActivity(acts.WriteManifest, mock.Anything, mock.Anything).Return(objstore.Ref{}, bad)
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			fail(e)
			e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
			if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrModelNotFound {
				t.Errorf("failed with %s, want the activity's error", errorType)
			}
		})
	}
}

func TestBatchPrediction_refusesABadName(t *testing.T) {
	e := newEnvironment(t)
	e.ExecuteWorkflow(workflows.BatchPrediction, workflows.BatchInput{Model: "../x"})
	if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrBadInput {
		t.Errorf("failed with %s, want BadInput", errorType)
	}
}

func TestBatchPrediction_cancel(t *testing.T) {
	e := newEnvironment(t)
	onShards(e, 20)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(activities.Part{}, temporal.NewCanceledError()).After(time.Hour)
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want a cancellation", err)
	}
	if s := e.last(t); s.State != workflows.Revoked {
		t.Errorf("saved status %+v, want REVOKED", s)
	}
}
