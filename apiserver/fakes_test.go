package apiserver

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/scores"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// Instructions for the fake workflows: the label column of a training, the model id of a batch, or the reason of a
// promotion.
const (
	blocks   = "block"   // until it is cancelled
	fails    = "fail"    // with an application error
	breaks   = "break"   // with an error that is not for users
	waits    = "wait"    // for a verdict, and then ends; refuses the name "nobody"
	retries  = "retry"   // runs an activity that fails because MLflow is down, and is tried again in an hour
	promotes = "promote" // runs a promotion, whose activity fails because MLflow is down
	heartens = "hearten" // runs an activity that keeps heartbeating, on the queue heartQueue
)

const heartQueue = "hearts"

// answerStatus registers the query of the status, as the real workflows do.
func answerStatus(ctx workflow.Context, modelName, how string) (*workflows.Status, error) {
	info := workflow.GetInfo(ctx)
	status := &workflows.Status{
		TaskID: info.WorkflowExecution.ID, Type: info.WorkflowType.Name, Model: modelName, State: workflows.Started,
		TaskProgress: workflows.TaskProgress{Stage: "train the model", Done: 3, Total: 10, Unit: "iterations"},
		StartedAt:    info.WorkflowStartTime,
	}
	if how == heartens { // as in a fit, where only the activity knows its progress
		status.Done, status.Total, status.Unit = 0, 0, ""
	}
	return status, workflow.SetQueryHandler(
		ctx,
		workflows.StatusQuery,
		func() (workflows.Status, error) { return *status, nil },
	)
}

// behave follows the instructions that all fakes share.
func behave(ctx workflow.Context, how string) error {
	switch how {
	case blocks:
		ctx.Done().Receive(ctx, nil)
		return ctx.Err()
	case fails:
		return temporal.NewNonRetryableApplicationError(
			`line 7, column "petal_width": "n/a" is not a finite number`,
			"BadDataset",
			nil,
		)
	case breaks:
		return temporal.NewNonRetryableApplicationError("a disk is full", "Disk", nil)
	case heartens:
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: heartQueue, StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute,
		})
		return workflow.ExecuteActivity(ctx, steady).Get(ctx, nil)
	case promotes:
		ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "-promotion",
		})
		in := workflows.PromotionInput{Model: "iris", Version: "1", Reason: retries}
		return workflow.ExecuteChildWorkflow(ctx, workflows.PromotionType, in).Get(ctx, nil)
	case retries:
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Hour},
		})
		return workflow.ExecuteActivity(ctx, unlucky).Get(ctx, nil)
	}
	return nil
}

// unlucky fails as an activity does while MLflow is down.
func unlucky(context.Context) error {
	const message = "log to run r: MLflow answers 503 on http://10.0.0.7:5000"
	return temporal.NewApplicationError(message, "MLflowDown", "MLflow answers 503")
}

func (w *world) fakeTraining(ctx workflow.Context, in workflows.TrainingInput) (workflows.TrainingResult, error) {
	status, err := answerStatus(ctx, in.Model, in.LabelColumn)
	if err != nil {
		return workflows.TrainingResult{}, err
	}
	board := fakeBoard(in)
	if in.Model != olderWorker {
		answer := func() (workflows.Leaderboard, error) { return board, nil }
		if err := workflow.SetQueryHandler(ctx, workflows.LeaderboardQuery, answer); err != nil {
			return workflows.TrainingResult{}, err
		}
	}
	if in.LabelColumn == waits {
		if err := awaitVerdict(ctx, status); err != nil {
			return workflows.TrainingResult{}, err
		}
	}
	result := workflows.TrainingResult{
		Model:        in.Model,
		Version:      "7",
		ModelID:      "models:/" + in.Model + "/7",
		RunID:        "r1",
		ExperimentID: "1",
		Algorithm:    in.Algorithm,
		Dataset:      in.DatasetURI,
		Metrics:      map[string]float64{"accuracy": 0.9},
		Gate:         workflows.Gate{Decision: workflows.Kept, Reason: "worse"},
	}
	if board.Method != "" {
		result.Search = &workflows.SearchResult{
			SearchProgress: workflows.SearchProgress{Method: board.Method, Metric: board.Metric, Total: 3, Done: 2},
		}
		for _, trial := range board.Trials {
			result.Search.Trials = append(result.Search.Trials, trial.Trial)
		}
		result.Search.Best = &result.Search.Trials[0]
	}
	return result, behave(ctx, in.LabelColumn)
}

// olderWorker is the model of trainings whose worker does not know the query "leaderboard".
const olderWorker = "older"

// fakeBoard has three trials if the training runs any.
func fakeBoard(in workflows.TrainingInput) workflows.Leaderboard {
	if in.Algorithm != search.Auto {
		return workflows.Leaderboard{}
	}
	trial := func(name string, score float64) search.Trial {
		return search.Trial{Name: name, Algorithm: model.GBDT, Rows: 100, Score: &model.Score{Mean: score}}
	}
	return workflows.Leaderboard{
		Method: search.AutoMethod, Metric: search.LogLoss, Total: 3, Done: 2, Trials: []workflows.BoardTrial{
			{Rank: 1, State: workflows.TrialDone, Trial: trial("trial-2", .1)},
			{Rank: 2, State: workflows.TrialDone, Trial: trial("trial-1", .2)},
			{State: workflows.TrialRunning, Trial: search.Trial{Name: "trial-3", Algorithm: model.MLP}},
		},
	}
}

// awaitVerdict waits for one of the updates and writes the verdict into the stage.
func awaitVerdict(ctx workflow.Context, status *workflows.Status) error {
	status.Approval = &workflows.PendingApproval{Version: "7", ModelID: "models:/iris/7"}
	for _, name := range []string{workflows.ApproveUpdate, workflows.RejectUpdate} {
		err := workflow.SetUpdateHandlerWithOptions(ctx, name, func(_ workflow.Context, v workflows.Verdict) error {
			status.Approval, status.Stage = nil, name+" by "+v.Name+": "+v.Reason
			return nil
		}, workflow.UpdateHandlerOptions{Validator: func(v workflows.Verdict) error {
			switch {
			case v.Name == "nobody":
				return temporal.NewApplicationError("/name: is nobody", workflows.ErrBadVerdict)
			case v.Name == "trouble":
				return errors.New("a mistake of ours")
			case status.Approval == nil:
				return temporal.NewApplicationError("a verdict was given already", workflows.ErrNotWaiting)
			}
			return nil
		}})
		if err != nil {
			return err
		}
	}
	ctx.Done().Receive(ctx, nil)
	return ctx.Err()
}

func (w *world) fakeBatch(ctx workflow.Context, in workflows.BatchInput) (workflows.BatchResult, error) {
	if _, err := answerStatus(ctx, in.Model, in.ModelID); err != nil {
		return workflows.BatchResult{}, err
	}
	if err := behave(ctx, in.ModelID); err != nil {
		return workflows.BatchResult{}, err
	}
	ctx = workflow.WithActivityOptions(
		ctx,
		workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2}},
	)
	var result workflows.BatchResult
	err := workflow.ExecuteActivity(ctx, w.score, in).Get(ctx, &result)
	return result, err
}

func (w *world) fakePromotion(ctx workflow.Context, in workflows.PromotionInput) (workflows.PromotionResult, error) {
	if _, err := answerStatus(ctx, in.Model, in.Reason); err != nil {
		return workflows.PromotionResult{}, err
	}
	if err := behave(ctx, in.Reason); err != nil {
		return workflows.PromotionResult{}, err
	}
	ctx = workflow.WithActivityOptions(
		ctx,
		workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2}},
	)
	var result workflows.PromotionResult
	err := workflow.ExecuteActivity(ctx, w.makeChampion, in).Get(ctx, &result)
	return result, err
}

func fakeOther(workflow.Context, string) error { return nil }

// score does a whole batch: it reads the rows and writes two parts and the manifest.
func (w *world) score(ctx context.Context, in workflows.BatchInput) (workflows.BatchResult, error) {
	id := activity.GetInfo(ctx).WorkflowExecution.ID
	v, err := w.registry.Resolve(ctx, in.Model, in.ModelID)
	if err != nil {
		return workflows.BatchResult{}, err
	}
	m, err := w.registry.Load(ctx, v)
	if err != nil {
		return workflows.BatchResult{}, err
	}
	body, err := w.store.Get(ctx, in.Rows)
	if err != nil {
		return workflows.BatchResult{}, err
	}
	defer body.Close()
	lines, err := csv.NewReader(body).ReadAll()
	if err != nil {
		return workflows.BatchResult{}, err
	}
	lines = lines[1:]
	if int64(len(lines)) != in.Count {
		return workflows.BatchResult{}, fmt.Errorf("%d rows, the input says %d", len(lines), in.Count)
	}
	schema := m.Schema()
	manifest := workflows.Manifest{
		TaskID:  id,
		Model:   in.Model,
		Version: v.Number,
		ModelID: v.URI(),
		Classes: schema.Classes,
		Rows:    in.Count,
		Input:   in.Rows,
		State:   string(workflows.Success),
		Layout:  scores.Layout{Format: scores.CSV, Classes: schema.Classes, Probabilities: true},
	}
	half := (len(lines) + 1) / 2
	for i, part := range [][][]string{lines[:half], lines[half:]} {
		var out bytes.Buffer
		to := csv.NewWriter(&out)
		for _, line := range part {
			x, p := make([]float64, len(line)), make([]float64, len(schema.Classes))
			for j, cell := range line {
				x[j] = must(strconv.ParseFloat(cell, 64))
			}
			fields := []string{schema.Classes[m.Predict(x, p)]}
			for _, v := range p {
				fields = append(fields, strconv.FormatFloat(v, 'g', -1, 64))
			}
			if err := to.Write(fields); err != nil {
				return workflows.BatchResult{}, err
			}
		}
		to.Flush()
		ref, err := w.store.Put(ctx, in.Rows.Bucket, objstore.BatchPartKey(id, i, "csv"), &out, int64(out.Len()), "text/csv")
		if err != nil {
			return workflows.BatchResult{}, err
		}
		manifest.Parts = append(manifest.Parts, workflows.Part{Ref: ref, Shard: i, Rows: int64(len(part))})
	}
	ref, err := w.store.PutJSON(ctx, in.Rows.Bucket, objstore.BatchManifestKey(id), manifest)
	return workflows.BatchResult{
		Model:    in.Model,
		Version:  v.Number,
		ModelID:  v.URI(),
		Rows:     in.Count,
		Shards:   2,
		Manifest: ref,
	}, err
}

func (w *world) makeChampion(ctx context.Context, in workflows.PromotionInput) (workflows.PromotionResult, error) {
	at := time.Now()
	info := activity.GetInfo(ctx)
	entry, err := w.registry.Promote(ctx, registry.Promotion{
		Model: in.Model, Version: in.Version, Expected: in.Expected, Actor: in.Actor, Reason: in.Reason,
		TaskID: info.WorkflowExecution.ID + info.WorkflowExecution.RunID, At: at,
	})
	if err == nil {
		return workflows.PromotionResult{Promoted: true, From: entry.From, To: entry.To, At: at}, nil
	}
	champion, findErr := w.registry.Champion(ctx, in.Model)
	if findErr != nil {
		return workflows.PromotionResult{}, err
	}
	return workflows.PromotionResult{From: champion.Number, To: in.Version, At: at}, nil
}

// steady heartbeats once and runs until it is cancelled.
func steady(ctx context.Context) error {
	activity.RecordHeartbeat(ctx, workflows.Progress{Done: 40, Total: 100, Unit: "rows"})
	<-ctx.Done()
	return ctx.Err()
}

// start starts a workflow without a memo, as the temporal CLI does.
func (w *world) start(
	t testing.TB,
	id, queue, workflowType string,
	in any,
	change ...func(*client.StartWorkflowOptions),
) client.WorkflowRun {
	t.Helper()
	o := client.StartWorkflowOptions{ID: id, TaskQueue: queue}
	for _, f := range change {
		f(&o)
	}
	run, err := w.temporal.ExecuteWorkflow(context.Background(), o, workflowType, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.temporal.TerminateWorkflow(context.Background(), id, "", "the test is over") })
	return run
}

// await reads the history of a workflow until it has an event of a type.
func (w *world) await(t testing.TB, id string, wanted enumspb.EventType) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	events := w.temporal.GetWorkflowHistory(ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatalf("wait for %s of %s: %v", wanted, id, err)
		}
		if event.GetEventType() == wanted {
			return
		}
	}
	t.Fatalf("%s ended without %s", id, wanted)
}

// refusing is a Temporal client that starts no workflow.
type refusing struct{ client.Client }

func (refusing) ExecuteWorkflow(context.Context, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	return nil, serviceerror.NewInvalidArgument("no such task queue")
}
