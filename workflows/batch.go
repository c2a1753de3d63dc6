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
	// maxShardsQueued limits how many shards of one batch are in the queue, so that a shard of another batch, or a task of
	// a higher priority, never waits for many.
	maxShardsQueued = 8
	// minRatioRows is how many rows are read before their share of bad rows counts.
	minRatioRows = 1000
)

// batch is the state of a BatchPrediction.
type batch struct {
	*task
	acts    *activities.Activities // nil; only for method references
	in      BatchInput
	plan    activities.BatchPlan
	shards  []activities.ScoredShard
	begun   time.Time // when scoring began
	timings activities.Timings
	result  BatchResult
}

// BatchPrediction scores the rows of one or more objects, shard by shard, with one version of a model. It resolves the
// version once, at the start.
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

// planShards resolves the version of the model and cuts the rows into shards.
func (b *batch) planShards(ctx workflow.Context) error {
	begun := workflow.Now(ctx)
	in := activities.PlanBatchInput{
		TaskID: b.status.TaskID, Model: b.in.Model, ModelID: b.in.ModelID, Rows: b.in.Rows, Format: b.in.Format,
		KeyColumns: b.in.KeyColumns, Output: b.in.Output, LabelsOnly: b.in.LabelsOnly, CSVSafe: b.in.CSVSafe,
		OnUnseen: b.in.OnUnseen, Threshold: b.in.Threshold,
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

// score runs one ScoreShard per shard. The first shard that fails cancels the others, because the batch fails too.
func (b *batch) score(ctx workflow.Context) error {
	b.begun = workflow.Now(ctx)
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	slots := workflow.NewSemaphore(ctx, maxShardsQueued)
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
	// Running shards end on their own, also after a cancel. The wait for them must not be cancelled.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(disconnected)
	b.timings.Score = workflow.Now(ctx).Sub(b.begun).Seconds()
	return failed
}

func (b *batch) scoreShard(ctx workflow.Context, i int) error {
	in := activities.ScoreShardInput{TaskID: b.status.TaskID, Plan: b.plan.Plan, Shard: i}
	if b.in.MaxErrorRatio != nil {
		in.MaxBadRows = new(int64(math.Floor(*b.in.MaxErrorRatio * float64(b.plan.Rows))))
	}
	ctx = withOptions(ctx, compute, fmt.Sprintf("shard %d of %d", i+1, len(b.shards)))
	var scored activities.ScoredShard
	if err := workflow.ExecuteActivity(ctx, b.acts.ScoreShard, in).Get(ctx, &scored); err != nil {
		return err
	}
	b.shards[i] = scored
	b.count(ctx, scored)
	return b.checkBadRows(scored.Stopped)
}

// count adds a finished shard to the progress.
func (b *batch) count(ctx workflow.Context, scored activities.ScoredShard) {
	s, now := &b.status, workflow.Now(ctx).UTC()
	s.UpdatedAt = now
	s.ShardsDone++
	s.Done += scored.Rows + scored.BadRows
	s.BadRows += scored.BadRows
	b.result.Rows, b.result.BadRows = s.Done-s.BadRows, s.BadRows
	s.Failed, b.result.Failed = s.BadRows, s.BadRows
	b.result.Unseen += scored.Unseen
	b.result.Missing += scored.Missing
	s.Total = max(s.Total, s.Done)
	if took := now.Sub(b.begun).Seconds(); took > 0 {
		s.RowsPerSecond = math.Round(float64(s.Done) / took)
		s.ETASeconds = int64(math.Ceil(float64(s.Total-s.Done) / (float64(s.Done) / took)))
	}
	details := fmt.Sprintf("%s\n- %d of %d rows in %d of %d shards, %.0f rows a second, %d s to go, %d bad rows",
		strings.Join(b.lines, "\n"), s.Done, s.Total, s.ShardsDone, s.ShardsTotal, s.RowsPerSecond, s.ETASeconds, s.BadRows)
	workflow.SetCurrentDetails(ctx, details)
}

// checkBadRows returns an error if the share of bad rows among the rows read so far is above what the input allows.
// Stopped says that one shard alone has more bad rows than the whole batch may have.
func (b *batch) checkBadRows(stopped bool) error {
	limit := b.in.MaxErrorRatio
	if limit == nil {
		return nil
	}
	bad, read := b.status.BadRows, b.status.Done
	early := read < minRatioRows && read < b.status.Total && *limit > 0
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

// write makes the scores the result of the batch.
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
		in.Shards[i].FirstBad = "" // the files of bad rows have it
	}
	var written activities.Written
	err := workflow.ExecuteActivity(withOptions(ctx, transfer, "write the manifest"), b.acts.WriteManifest, in).
		Get(ctx, &written)
	b.result.Manifest, b.result.Output, b.result.Errors = written.Manifest, written.Output, written.Errors
	return err
}

// keepFinished writes a manifest of the parts that a cancelled batch has finished, so that they can be read. A failure
// is logged and does not change how the batch ends.
func (b *batch) keepFinished(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := b.write(ctx, true); err != nil {
		workflow.GetLogger(ctx).Error("keeping the parts of a cancelled batch", "error", err)
	}
}
