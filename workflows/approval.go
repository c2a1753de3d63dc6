package workflows

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
)

// Updates that a Training takes while it waits for approval. Each takes a Verdict and answers an Approval.
const (
	ApproveUpdate = "approve"
	RejectUpdate  = "reject"
)

// Types of the errors that refuse a verdict.
const (
	ErrNotWaiting = "NotWaiting" // nobody waits for it
	ErrBadVerdict = "BadVerdict" // it lacks its name or its reason
)

// ApprovalTimeout is how long a training waits for a verdict: long enough for a holiday, and an end all the same. Then
// it
// counts as rejected.
const ApprovalTimeout = 30 * 24 * time.Hour

// Limits of a Verdict, in bytes: it is kept in the history of the model and in MLflow.
const (
	maxVerdictName   = 200
	maxVerdictReason = 2000
)

// Verdict is what somebody says about a version that waits for approval.
type Verdict struct {
	Name   string `json:"name"`   // who says so, for the history of the model
	Reason string `json:"reason"` // why
}

// check refuses a verdict that nobody could be asked about later.
func (v Verdict) check() error {
	for _, field := range []struct {
		pointer, value string
		limit          int
	}{{"/name", v.Name, maxVerdictName}, {"/reason", v.Reason, maxVerdictReason}} {
		reason := ""
		switch {
		case strings.TrimSpace(field.value) == "":
			reason = "is missing"
		case len(field.value) > field.limit:
			reason = fmt.Sprintf("has %d bytes, at most %d are kept", len(field.value), field.limit)
		case !utf8.ValidString(field.value):
			reason = "is not UTF-8"
		}
		if reason != "" {
			return temporal.NewNonRetryableApplicationError(field.pointer+": "+reason, ErrBadVerdict, nil)
		}
	}
	return nil
}

// Approval is a Verdict that was accepted.
type Approval struct {
	Approved bool      `json:"approved"`
	Name     string    `json:"name"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// PendingApproval is what a training waits for, with what there is to base a verdict on.
type PendingApproval struct {
	Version string    `json:"version"`
	ModelID string    `json:"model_id"` // models:/iris/3
	Gate    Gate      `json:"gate"`
	Until   time.Time `json:"until"` // then it counts as rejected
}

// takeVerdicts registers the updates.
func (t *training) takeVerdicts(ctx workflow.Context) error {
	if err := t.takeVerdict(ctx, ApproveUpdate, true); err != nil {
		return err
	}
	return t.takeVerdict(ctx, RejectUpdate, false)
}

// takeVerdict registers an update that only notes what was said: the training goes on by itself.
func (t *training) takeVerdict(ctx workflow.Context, name string, approved bool) error {
	handle := func(ctx workflow.Context, v Verdict) (Approval, error) {
		t.approval = &Approval{Approved: approved, Name: v.Name, Reason: v.Reason, At: workflow.Now(ctx).UTC()}
		return *t.approval, nil
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, handle, workflow.UpdateHandlerOptions{
		Validator:   t.mayTake,
		Description: name + " the version that waits for approval: {\"name\", \"reason\"}",
	})
}

// mayTake refuses a verdict before it becomes part of the history.
func (t *training) mayTake(v Verdict) error {
	switch {
	case t.approval != nil:
		return temporal.NewNonRetryableApplicationError(
			"a verdict was given already, by "+t.approval.Name,
			ErrNotWaiting,
			nil,
		)
	case t.status.Approval == nil:
		return temporal.NewNonRetryableApplicationError("the task is not waiting for approval", ErrNotWaiting, nil)
	}
	return v.check()
}

// awaitApproval waits until somebody has given a verdict, or until it is too late for one. A verdict that was given
// counts
// for the version: it is not asked for again when the champion has changed by the time of the promotion.
func (t *training) awaitApproval(ctx workflow.Context) error {
	if t.approval != nil {
		return nil
	}
	before := t.status.Stage
	t.stage(ctx, "waiting for approval")
	t.status.Approval = &PendingApproval{
		Version: t.result.Version,
		ModelID: t.result.ModelID,
		Gate:    t.result.Gate,
		Until:   workflow.Now(ctx).UTC().Add(ApprovalTimeout),
	}
	t.recordGate(ctx)
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: ApprovalTimeout, TimerOptions: workflow.TimerOptions{Summary: "rejected unless approved by then"},
	}, func() bool { return t.approval != nil })
	t.status.Approval = nil
	if err == nil {
		t.stage(ctx, before)
	}
	return err
}

// recordGate shows in MLflow that the version waits. Failing to is no reason not to wait: it is logged.
func (t *training) recordGate(ctx workflow.Context) {
	gate := t.result.Gate
	ctx = withOptions(ctx, quick, "note that it waits")
	err := workflow.ExecuteActivity(ctx, t.acts.RecordGate, activities.RecordGateInput{
		Model: t.in.Model, Version: t.result.Version, Gate: string(gate.Decision), Reason: gate.Reason,
	}).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Error("noting that a version waits for approval", "version", t.result.ModelID, "error", err)
	}
}
