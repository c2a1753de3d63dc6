package workflows

import (
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/model"
)

// shardsAtOnce bounds how many shards of one batch wait for a compute slot, so that a large batch leaves room in the
// queue for others.
const shardsAtOnce = 8

// batch is the state of a BatchPrediction.
type batch struct {
	*task
	acts   *activities.Activities // nil: method references only
	in     BatchInput
	pinned activities.PinnedModel
	plan   activities.Plan
	parts  []activities.Part
	result BatchResult
}

// BatchPrediction scores the rows of an object with one version of a model, pinned at its start, shard by shard.
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
	b.save(b.end(ctx, err))
	if err != nil {
		return BatchResult{}, err
	}
	return b.result, nil
}

func (b *batch) steps(ctx workflow.Context) error {
	b.stage(ctx, "pin the model version")
	if err := b.pin(ctx); err != nil {
		return err
	}
	b.stage(ctx, "plan the shards")
	if err := b.planShards(ctx); err != nil {
		return err
	}
	b.stage(ctx, "score the rows")
	if err := b.score(ctx); err != nil {
		return err
	}
	b.stage(ctx, "write the manifest")
	return b.writeManifest(ctx)
}

func (b *batch) pin(ctx workflow.Context) error {
	if err := model.CheckName(b.in.Model); err != nil {
		return badInput(&model.SpecError{Pointer: "/model", Reason: err.Error()})
	}
	ctx = withOptions(ctx, quick, "which version")
	err := workflow.ExecuteActivity(ctx, b.acts.PinModel, activities.PinModelInput{Model: b.in.Model, ModelID: b.in.ModelID}).Get(ctx, &b.pinned)
	if err != nil {
		return err
	}
	b.result = BatchResult{Model: b.in.Model, Version: b.pinned.Number, ModelID: b.pinned.URI}
	b.note(ctx, "scoring with %s", b.pinned.URI)
	return nil
}

func (b *batch) planShards(ctx workflow.Context) error {
	ctx = withOptions(ctx, transfer, "cut "+b.in.Rows.Key)
	err := workflow.ExecuteActivity(ctx, b.acts.PlanShards, activities.PlanShardsInput{Rows: b.in.Rows, Model: b.pinned}).Get(ctx, &b.plan)
	if err != nil {
		return err
	}
	b.status.Total = b.plan.Rows
	b.parts = make([]activities.Part, len(b.plan.Shards))
	b.result.Rows, b.result.Shards = b.plan.Rows, len(b.plan.Shards)
	b.note(ctx, "%d rows in %d shards", b.plan.Rows, len(b.plan.Shards))
	return nil
}

// score runs a ScoreShard per shard. The first that fails for good cancels the others: without it there is no result.
func (b *batch) score(ctx workflow.Context) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	slots := workflow.NewSemaphore(ctx, shardsAtOnce)
	all := workflow.NewWaitGroup(ctx)
	var failed error
	for i, shard := range b.plan.Shards {
		if err := slots.Acquire(ctx, 1); err != nil {
			failed = firstError(failed, err)
			break
		}
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			defer slots.Release(1)
			if err := b.scoreShard(ctx, i, shard); err != nil {
				failed = firstError(failed, err)
				cancel()
			}
		})
	}
	// The shards that run end by themselves, also after a cancel: waiting for them must not be cut short.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(disconnected)
	return failed
}

func (b *batch) scoreShard(ctx workflow.Context, i int, shard activities.Shard) error {
	ctx = withOptions(ctx, compute, shard.String())
	err := workflow.ExecuteActivity(ctx, b.acts.ScoreShard, activities.ScoreShardInput{
		TaskID: b.status.TaskID, Index: i, Shard: shard, Rows: b.in.Rows, Model: b.pinned, Columns: b.plan.Columns,
	}).Get(ctx, &b.parts[i])
	if err != nil {
		return err
	}
	b.status.Done += shard.Rows
	b.status.UpdatedAt = workflow.Now(ctx).UTC()
	return nil
}

func (b *batch) writeManifest(ctx workflow.Context) error {
	ctx = withOptions(ctx, quick, "what the batch consists of")
	return workflow.ExecuteActivity(ctx, b.acts.WriteManifest, activities.WriteManifestInput{
		TaskID: b.status.TaskID, Model: b.pinned, Rows: b.in.Rows, Count: b.plan.Rows, Parts: b.parts, StartedAt: b.status.StartedAt,
	}).Get(ctx, &b.result.Manifest)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
