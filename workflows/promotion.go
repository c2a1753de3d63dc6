package workflows

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/model"
)

// Promotion makes a version the champion of its model. Its id is PromotionID as a rule, so the promotions of a model
// run one after another; those that overlap do no harm, because the registry promotes by compare-and-set. A cancel does
// not stop a promotion that has begun: half of one would be a champion whose alias has not followed.
func Promotion(ctx workflow.Context, in PromotionInput) (PromotionResult, error) {
	t, err := startTask(ctx, in.Model)
	if err != nil {
		return PromotionResult{}, err
	}
	var result PromotionResult
	t.stage(ctx, "promote "+in.Model+"/"+in.Version)
	if result, err = promote(ctx, in); err == nil {
		t.status.Promotion = &result
	}
	t.save(t.end(ctx, err))
	return result, err
}

func promote(ctx workflow.Context, in PromotionInput) (PromotionResult, error) {
	if err := model.CheckName(in.Model); err != nil {
		return PromotionResult{}, badInput(&model.SpecError{Pointer: "/model", Reason: err.Error()})
	}
	if in.Version == "" || in.Actor == "" {
		return PromotionResult{}, badInput(errors.New("version and actor must be given"))
	}
	if err := ctx.Err(); err != nil {
		return PromotionResult{}, err // cancelled before it began
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	var a *activities.Activities
	in.At = workflow.Now(ctx).UTC()
	var result PromotionResult
	ctx = withOptions(ctx, quick, "alias champion to "+in.Version)
	if err := workflow.ExecuteActivity(ctx, a.PromoteVersion, in).Get(ctx, &result); err != nil {
		return PromotionResult{}, err
	}
	result.To = in.Version // absent from the results that older workers recorded
	return result, nil
}

// Intervals at which a training checks whether the promotion before its own has ended. A promotion takes about 100 ms,
// but hours while MLflow is down.
const (
	firstTurnWait = 200 * time.Millisecond
	maxTurnWait   = 10 * time.Second
	// turns is how often a training tries, in about a minute, before its promotion takes an id of its own. Each try adds
	// ten events to the history.
	turns = 12
	// maxOwnWait is the longest wait after that, for the promotion of a training that was reset.
	maxOwnWait = 10 * time.Minute
)

// ownPromotion is the change after which a training no longer waits without end.
const ownPromotion = "promotion-of-its-own"

// promoteInTurn runs Promotion as a child, after any other promotion of the model. If the other one takes long, it runs
// its own beside it: the registry promotes by compare-and-set, so the two do not harm each other, and whichever comes
// second finds another champion than it expects.
func promoteInTurn(ctx workflow.Context, in PromotionInput) (PromotionResult, error) {
	options := workflow.ChildWorkflowOptions{
		WorkflowID:            PromotionID(in.Model),
		TaskQueue:             TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON, // a promotion that has begun is finished
		WaitForCancellation:   true,
		StaticSummary:         "champion of " + in.Model + ": version " + in.Version,
	}
	wait, maxWait := firstTurnWait, maxTurnWait
	for try := 1; ; try++ {
		var result PromotionResult
		err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), Promotion, in).Get(ctx, &result)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return result, err
		}
		if try == turns && workflow.GetVersion(ctx, ownPromotion, workflow.DefaultVersion, 1) >= 1 {
			options.WorkflowID += "-for-" + workflow.GetInfo(ctx).WorkflowExecution.ID
			maxWait = maxOwnWait
			continue
		}
		if err := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "wait for another promotion"}).
			Get(ctx, nil); err != nil {
			return PromotionResult{}, err
		}
		wait = min(2*wait, maxWait)
	}
}
