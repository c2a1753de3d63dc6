package workflows_test

import (
	"context"
	"encoding/json"
	"strings"
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
	batchInput = workflows.BatchInput{
		Model: "iris",
		Rows:  objstore.Ref{Bucket: "iris", Key: "batches/b/input.csv"},
		Count: 60,
	}
	pinned  = activities.PinnedModel{Model: "iris", Number: "3", URI: "models:/iris/3"}
	written = activities.Written{
		Manifest: objstore.Ref{
			Bucket: "iris",
			Key:    "batches/b/manifest.json",
		},
		Output: objstore.Ref{Bucket: "iris", Key: "batches/b/output.csv"},
	}
)

// onShards plans n shards of 3 rows.
func onShards(e *environment, n int) {
	e.OnActivity(acts.PlanBatch, mock.Anything, mock.Anything).
		Return(activities.BatchPlan{Model: pinned, Plan: "p1", Rows: int64(3 * n), Shards: n}, nil).Once()
}

func TestBatchPrediction_scoresEveryShardOnce(t *testing.T) {
	const shards = 20
	e := newEnvironment(t)
	in := batchInput
	in.KeyColumns, in.Output, in.LabelsOnly, in.Format = []string{"id"}, "jsonl", true, "csv"
	in.OnUnseen, in.Threshold = "error", new(0.25)
	e.OnActivity(acts.PlanBatch, mock.Anything, activities.PlanBatchInput{
		TaskID:     "default-test-workflow-id",
		Model:      "iris",
		Rows:       in.Rows,
		Format:     "csv",
		KeyColumns: []string{"id"},
		Output:     "jsonl",
		LabelsOnly: true,
		OnUnseen:   "error",
		Threshold:  in.Threshold,
	}).Return(activities.BatchPlan{Model: pinned, Plan: "p1", Rows: 3 * shards, Shards: shards}, nil).Once()
	var running, peak atomic.Int32
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).
		Return(func(_ context.Context, in activities.ScoreShardInput) (activities.ScoredShard, error) {
			defer running.Add(-1)
			if n := running.Add(1); n > peak.Load() {
				peak.Store(n)
			}
			if in.Plan != "p1" || in.MaxBadRows != nil {
				t.Errorf("shard %+v, want plan p1 and no limit", in)
			}
			return activities.ScoredShard{
				Rows: 2, BadRows: 1, Bytes: int64(in.Shard) + 1, FirstBad: "line 7", Unseen: 3, Missing: int64(in.Shard),
			}, nil
		}).
		Times(shards)
	e.OnActivity(acts.WriteManifest, mock.Anything, mock.MatchedBy(func(in activities.WriteManifestInput) bool {
		for i, s := range in.Shards {
			want := activities.ScoredShard{Rows: 2, BadRows: 1, Bytes: int64(i) + 1, Unseen: 3, Missing: int64(i)}
			if s != want {
				return false
			}
		}
		return len(in.Shards) == shards && in.Plan == "p1" && !in.Cancelled
	})).Return(written, nil).Once()

	e.ExecuteWorkflow(workflows.BatchPrediction, in)

	var got workflows.BatchResult
	if err := e.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	want := workflows.BatchResult{
		Model:   "iris",
		Version: "3",
		ModelID: "models:/iris/3",
		Rows:    40,
		BadRows: 20, Failed: 20,
		Unseen: 60, Missing: 190,
		Shards:   shards,
		Manifest: written.Manifest,
		Output:   written.Output,
	}
	if got != want {
		t.Errorf("result %+v, want %+v", got, want)
	}
	if n := peak.Load(); n > 8 {
		t.Errorf("%d shards at the same time, want at most 8", n)
	}
	s := e.last(t)
	if s.Done != 60 || s.Total != 60 || s.Unit != "rows" || s.Failed != 20 || s.ShardsDone != 20 || s.ShardsTotal != 20 ||
		s.State != workflows.Success {
		t.Errorf("saved status %+v, want 60 of 60 rows in 20 shards", s)
	}
}

func TestBatchPrediction_showsProgress(t *testing.T) {
	e := newEnvironment(t)
	onShards(e, 3)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).
		Return(activities.ScoredShard{Rows: 2, BadRows: 1}, nil).
		After(10 * time.Second).
		Once()
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).
		Return(activities.ScoredShard{Rows: 3}, nil).
		After(time.Hour)
	e.OnActivity(acts.WriteManifest, mock.Anything, mock.Anything).Return(written, nil)
	var during workflows.Status
	e.RegisterDelayedCallback(func() { during = e.status(t) }, time.Minute)
	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
	if during.Done != 3 || during.Total != 9 || during.Failed != 1 || during.Stage != "score the rows" ||
		during.ShardsDone != 1 ||
		during.ShardsTotal != 3 {
		t.Errorf("status while scoring: %+v, want 3 of 9 rows, one of them bad", during)
	}
	// Three rows took ten seconds, so the other six take twice as long.
	if during.ETASeconds != 20 || during.RowsPerSecond != 0 {
		t.Errorf("status while scoring: %+v, want an ETA of 20 s", during)
	}
}

func TestBatchPrediction_oneShardThatFailsEndsIt(t *testing.T) {
	e := newEnvironment(t)
	onShards(e, 12)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.MatchedBy(func(in activities.ScoreShardInput) bool {
		return in.Shard == 1
	})).
		Return(
			activities.ScoredShard{},
			temporal.NewNonRetryableApplicationError("the rows have changed", activities.ErrBadDataset, nil),
		)
	e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).
		Return(activities.ScoredShard{}, nil).
		After(time.Hour).
		Maybe()
	e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
	if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrBadDataset {
		t.Errorf("failed with %s, want BadDataset", errorType)
	}
}

func TestBatchPrediction_maxErrorRatio(t *testing.T) {
	tests := map[string]struct {
		ratio  float64
		shards []activities.ScoredShard // in the order in which they end
		limit  int64                    // of each, for 2,000 rows
		fails  string                   // "" for success
	}{
		"none allowed, none there": {0, []activities.ScoredShard{{Rows: 1000}, {Rows: 1000}}, 0, ""},
		"none allowed, one there": {
			0,
			[]activities.ScoredShard{{BadRows: 1, Rows: 2, FirstBad: "line 4: no", Stopped: true}},
			0,
			"1 of the 3 rows read are bad, more than max_error_ratio 0 allows; the first: line 4: no",
		},
		"as many as allowed": {
			0.1,
			[]activities.ScoredShard{{Rows: 900, BadRows: 100, FirstBad: "x"}, {Rows: 900, BadRows: 100, FirstBad: "y"}},
			200,
			"",
		},
		"too few to judge by": {0.1, []activities.ScoredShard{{Rows: 10, BadRows: 90, FirstBad: "x"}, {Rows: 1900}}, 200, ""},
		"early": {
			0.1,
			[]activities.ScoredShard{{Rows: 800, BadRows: 200, FirstBad: "line 3: no"}},
			200,
			"200 of the 1000 rows read are bad, more than max_error_ratio 0.1 allows; the first: line 3: no",
		},
		"certain": {
			0.1,
			[]activities.ScoredShard{{Rows: 1, BadRows: 201, FirstBad: "line 3: no", Stopped: true}},
			200,
			"201 of the 202 rows",
		},
		"at the end": {
			0.1,
			[]activities.ScoredShard{{Rows: 950, BadRows: 49, FirstBad: "x"}, {Rows: 800, BadRows: 201, FirstBad: "y"}},
			200,
			"250 of the 2000 rows read are bad, more than max_error_ratio 0.1 allows; the first: x",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			e.OnActivity(acts.PlanBatch, mock.Anything, mock.Anything).
				Return(activities.BatchPlan{Model: pinned, Rows: 2000, Shards: len(test.shards)}, nil)
			for i, shard := range test.shards {
				e.OnActivity(acts.ScoreShard, mock.Anything, mock.MatchedBy(func(in activities.ScoreShardInput) bool {
					return in.Shard == i && in.MaxBadRows != nil && *in.MaxBadRows == test.limit
				})).Return(shard, nil).After(time.Duration(i) * time.Minute)
			}
			e.OnActivity(acts.WriteManifest, mock.Anything, mock.Anything).Return(written, nil).Maybe()
			in := batchInput
			in.MaxErrorRatio = &test.ratio
			e.ExecuteWorkflow(workflows.BatchPrediction, in)
			if test.fails == "" {
				if err := e.GetWorkflowError(); err != nil {
					t.Errorf("ended with %v", err)
				}
				return
			}
			errorType, message := applicationError(t, e.GetWorkflowError())
			if errorType != activities.ErrBadDataset || !strings.Contains(message, test.fails) {
				t.Errorf("failed with %s: %s, want %q", errorType, message, test.fails)
			}
		})
	}
}

func TestBatchPrediction_stepsThatFail(t *testing.T) {
	bad := temporal.NewNonRetryableApplicationError("no", activities.ErrModelNotFound, nil)
	tests := map[string]func(*environment){
		"plan": func(e *environment) {
			e.OnActivity(acts.PlanBatch, mock.Anything, mock.Anything).Return(activities.BatchPlan{}, bad)
		},
		"manifest": func(e *environment) {
			onShards(e, 1)
			e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).Return(activities.ScoredShard{}, nil)
			e.OnActivity(acts.WriteManifest, mock.Anything, mock.Anything).Return(activities.Written{}, bad)
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

func TestBatchPrediction_refusesABadInput(t *testing.T) {
	tests := map[string]struct {
		change  func(*workflows.BatchInput)
		pointer string
	}{
		"name":              {func(in *workflows.BatchInput) { in.Model = "../x" }, "/model"},
		"format":            {func(in *workflows.BatchInput) { in.Format = "xml" }, "/format"},
		"output":            {func(in *workflows.BatchInput) { in.Output = "xml" }, "/output"},
		"ratio":             {func(in *workflows.BatchInput) { in.MaxErrorRatio = new(1.5) }, "/max_error_ratio"},
		"negative ratio":    {func(in *workflows.BatchInput) { in.MaxErrorRatio = new(-0.5) }, "/max_error_ratio"},
		"very many columns": {func(in *workflows.BatchInput) { in.KeyColumns = make([]string, 65) }, "/key_columns"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			in := batchInput
			test.change(&in)
			e.ExecuteWorkflow(workflows.BatchPrediction, in)
			errorType, message := applicationError(t, e.GetWorkflowError())
			if errorType != activities.ErrBadInput || !strings.Contains(message, test.pointer) {
				t.Errorf("failed with %s: %s, want BadInput that names %s", errorType, message, test.pointer)
			}
		})
	}
}

func TestBatchInput_refusesUnknownFields(t *testing.T) {
	var in workflows.BatchInput
	err := json.Unmarshal([]byte(`{"model":"iris","key_colums":["id"]}`), &in)
	if err == nil || !strings.Contains(err.Error(), "key_colums") {
		t.Errorf("got %v, want the misspelt field", err)
	}
}

// A cancelled batch keeps its finished parts, and ends as cancelled even if that fails.
func TestBatchPrediction_cancel(t *testing.T) {
	for name, keep := range map[string]error{
		"kept":     nil,
		"not kept": temporal.NewNonRetryableApplicationError("no", "x", nil),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onShards(e, 20)
			e.OnActivity(acts.ScoreShard, mock.Anything, mock.MatchedBy(func(in activities.ScoreShardInput) bool {
				return in.Shard == 2
			})).
				Return(activities.ScoredShard{Rows: 3, Bytes: 30}, nil).
				Once()
			e.OnActivity(acts.ScoreShard, mock.Anything, mock.Anything).
				Return(activities.ScoredShard{}, temporal.NewCanceledError()).
				After(time.Hour)
			e.OnActivity(acts.WriteManifest, mock.Anything, mock.MatchedBy(func(in activities.WriteManifestInput) bool {
				return in.Cancelled && len(in.Shards) == 20 && in.Shards[2].Rows == 3 && in.Shards[0].Bytes == 0
			})).Return(written, keep).Once()
			e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
			e.ExecuteWorkflow(workflows.BatchPrediction, batchInput)
			if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
				t.Errorf("ended with %v, want a cancellation", err)
			}
			if s := e.last(t); s.State != workflows.Revoked || s.Done != 3 {
				t.Errorf("saved status %+v, want REVOKED after three rows", s)
			}
		})
	}
}
