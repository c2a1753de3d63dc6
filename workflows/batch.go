package workflows

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
)

const (
	// shardsAtOnce bounds how many shards of one batch are in a queue, so that one of a higher priority, or of another
	// batch of the same, never has many before it.
	shardsAtOnce = 8
	// fairRows is how many rows are read before a share of bad ones means anything.
	fairRows = 1000
)

// batch is the state of a BatchPrediction.
type batch struct {
	*task
	acts    *activities.Activities // nil: method references only
	in      BatchInput
	plan    activities.BatchPlan
	shards  []activities.ScoredShard
	begun   time.Time // scoring
	timings activities.Timings
	result  BatchResult
}

// BatchPrediction scores the rows of one or more objects with one version of a model, pinned at its start, shard by
// shard.
func BatchPrediction(ctx workflow.Context, in BatchInput) (BatchResult, error) {
	base, err := startTask(ctx, in.Model)
	if err != nil {
		return BatchResult{}, err
	}
	b := &batch{task: base, in: in}
	b.status.Unit, b.status.Total = "rows", in.Count
	if err = b.steps(ctx); err == nil {
		b.status.Batch = &b.result
	}
	if temporal.IsCanceledError(err) && b.plan.Shards > 0 {
		b.keepFinished(ctx)
	}
	b.save(b.end(ctx, err))
	if err != nil {
		return BatchResult{}, err
	}
	return b.result, nil
}

func (b *batch) steps(ctx workflow.Context) error {
	if err := b.in.check(); err != nil {
		return badInput(err)
	}
	b.stage(ctx, "plan the shards")
	if err := b.planShards(ctx); err != nil {
		return err
	}
	b.stage(ctx, "score the rows")
	if err := b.score(ctx); err != nil {
		return err
	}
	b.stage(ctx, "write the results")
	return b.write(ctx, false)
}

// planShards pins the version of the model and has the rows cut.
func (b *batch) planShards(ctx workflow.Context) error {
	begun := workflow.Now(ctx)
	in := activities.PlanBatchInput{
		TaskID: b.status.TaskID, Model: b.in.Model, ModelID: b.in.ModelID, Rows: b.in.Rows, Format: b.in.Format,
		KeyColumns: b.in.KeyColumns, Output: b.in.Output, LabelsOnly: b.in.LabelsOnly,
	}
	err := workflow.ExecuteActivity(withOptions(ctx, transfer, "cut "+b.in.Rows.Key), b.acts.PlanBatch, in).
		Get(ctx, &b.plan)
	if err != nil {
		return err
	}
	b.timings.Plan = workflow.Now(ctx).Sub(begun).Seconds()
	b.shards = make([]activities.ScoredShard, b.plan.Shards)
	b.status.Total, b.status.ShardsTotal = b.plan.Rows, b.plan.Shards
	b.result = BatchResult{
		Model:   b.in.Model,
		Version: b.plan.Model.Number,
		ModelID: b.plan.Model.URI,
		Shards:  b.plan.Shards,
	}
	b.logf(ctx, "scoring %d rows in %d shards with %s", b.plan.Rows, b.plan.Shards, b.plan.Model.URI)
	return nil
}

// score runs a ScoreShard per shard. The first that fails for good cancels the others: without it there is no result.
func (b *batch) score(ctx workflow.Context) error {
	b.begun = workflow.Now(ctx)
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	slots := workflow.NewSemaphore(ctx, shardsAtOnce)
	all := workflow.NewWaitGroup(ctx)
	var failed error
	for i := range b.shards {
		if err := slots.Acquire(ctx, 1); err != nil {
			failed = cmp.Or(failed, err)
			break
		}
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			defer slots.Release(1)
			if err := b.scoreShard(ctx, i); err != nil {
				failed = cmp.Or(failed, err)
				cancel()
			}
		})
	}
	// The shards that run end by themselves, also after a cancel: waiting for them must not be cut short.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(disconnected)
	b.timings.Score = workflow.Now(ctx).Sub(b.begun).Seconds()
	return failed
}

func (b *batch) scoreShard(ctx workflow.Context, i int) error {
	in := activities.ScoreShardInput{TaskID: b.status.TaskID, Plan: b.plan.Plan, Shard: i}
	if b.in.MaxErrorRatio != nil {
		most := int64(math.Floor(*b.in.MaxErrorRatio * float64(b.plan.Rows)))
		in.MostBad = &most
	}
	ctx = withOptions(ctx, compute, fmt.Sprintf("shard %d of %d", i+1, len(b.shards)))
	var scored activities.ScoredShard
	if err := workflow.ExecuteActivity(ctx, b.acts.ScoreShard, in).Get(ctx, &scored); err != nil {
		return err
	}
	b.shards[i] = scored
	b.count(ctx, scored)
	return b.tooManyBad(scored.Stopped)
}

// count adds a shard to the progress.
func (b *batch) count(ctx workflow.Context, scored activities.ScoredShard) {
	s, now := &b.status, workflow.Now(ctx).UTC()
	s.UpdatedAt = now
	s.ShardsDone++
	s.Done += scored.Rows + scored.Failed
	s.Failed += scored.Failed
	b.result.Rows, b.result.Failed = s.Done-s.Failed, s.Failed
	s.Total = max(s.Total, s.Done)
	if took := now.Sub(b.begun).Seconds(); took > 0 {
		s.RowsPerSecond = math.Round(float64(s.Done) / took)
		s.ETASeconds = int64(math.Ceil(float64(s.Total-s.Done) / (float64(s.Done) / took)))
	}
	details := fmt.Sprintf("%s\n- %d of %d rows in %d of %d shards, %.0f rows a second, %d s to go, %d bad rows",
		strings.Join(b.lines, "\n"), s.Done, s.Total, s.ShardsDone, s.ShardsTotal, s.RowsPerSecond, s.ETASeconds, s.Failed)
	workflow.SetCurrentDetails(ctx, details)
}

// tooManyBad is why a batch fails whose share of bad rows, among those read so far, is above what its input allows.
func (b *batch) tooManyBad(stopped bool) error {
	limit := b.in.MaxErrorRatio
	if limit == nil {
		return nil
	}
	bad, read := b.status.Failed, b.status.Done
	early := read < fairRows && read < b.status.Total && *limit > 0
	if float64(bad) <= *limit*float64(read) || early && !stopped {
		return nil
	}
	first := slices.IndexFunc(b.shards, func(s activities.ScoredShard) bool { return s.FirstBad != "" })
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%d of the %d rows read are bad, more than max_error_ratio %v allows; the first: %s",
			bad, read, *limit, b.shards[first].FirstBad),
		activities.ErrBadDataset,
		nil,
	)
}

// write makes what was scored the result.
func (b *batch) write(ctx workflow.Context, cancelled bool) error {
	in := activities.WriteManifestInput{
		TaskID:    b.status.TaskID,
		Plan:      b.plan.Plan,
		Shards:    slices.Clone(b.shards),
		Cancelled: cancelled,
		StartedAt: b.status.StartedAt,
		Timings:   b.timings,
	}
	for i := range in.Shards {
		in.Shards[i].FirstBad = "" // known to the errors files
	}
	var written activities.Written
	err := workflow.ExecuteActivity(withOptions(ctx, transfer, "what the batch consists of"), b.acts.WriteManifest, in).
		Get(ctx, &written)
	b.result.Manifest, b.result.Output, b.result.Errors = written.Manifest, written.Output, written.Errors
	return err
}

// keepFinished names the parts that a cancelled batch had finished, so that they can be read. Failing to changes
// nothing
// about the end of the batch.
func (b *batch) keepFinished(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := b.write(ctx, true); err != nil {
		workflow.GetLogger(ctx).Error("keeping the parts of a cancelled batch", "error", err)
	}
}
