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

// Updates that a Training accepts while it waits for approval. Each takes a Verdict and returns an Approval.
const (
	ApproveUpdate = "approve"
	RejectUpdate  = "reject"
)

// Types of the errors that reject a verdict.
const (
	ErrNotWaiting = "NotWaiting" // the task does not wait for one
	ErrBadVerdict = "BadVerdict" // the name or the reason is missing or invalid
)

// ApprovalTimeout is how long a training waits for a verdict: longer than a holiday, but not forever. After that, the
// version counts as rejected.
const ApprovalTimeout = 30 * 24 * time.Hour

// Limits of a Verdict, in bytes. The history of the model and MLflow keep it.
const (
	maxVerdictName   = 200
	maxVerdictReason = 2000
)

// Verdict is a person's decision about a version that waits for approval.
type Verdict struct {
	Name   string `json:"name"`   // who decided, for the history of the model
	Reason string `json:"reason"` // why
}

// check rejects a verdict whose name or reason would be useless later.
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
		case strings.Contains(field.value, "\x00"):
			reason = "has the character NUL"
		}
		if reason != "" {
			return temporal.NewNonRetryableApplicationError(field.pointer+": "+reason, ErrBadVerdict, nil)
		}
	}
	return nil
}

// Approval is a Verdict that a training accepted.
type Approval struct {
	Approved bool      `json:"approved"`
	Name     string    `json:"name"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// PendingApproval is a version that waits for a verdict, with the facts to base it on.
type PendingApproval struct {
	Version string    `json:"version"`
	ModelID string    `json:"model_id"` // models:/iris/3
	Gate    Gate      `json:"gate"`
	Until   time.Time `json:"until"` // when the version counts as rejected
}

// takeVerdicts registers the updates.
func (t *training) takeVerdicts(ctx workflow.Context) error {
	if err := t.takeVerdict(ctx, ApproveUpdate, true); err != nil {
		return err
	}
	return t.takeVerdict(ctx, RejectUpdate, false)
}

// takeVerdict registers an update that only stores the verdict. The training continues on its own.
func (t *training) takeVerdict(ctx workflow.Context, name string, approved bool) error {
	handle := func(ctx workflow.Context, v Verdict) (Approval, error) {
		t.approval = &Approval{Approved: approved, Name: v.Name, Reason: v.Reason, At: workflow.Now(ctx).UTC()}
		return *t.approval, nil
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, handle, workflow.UpdateHandlerOptions{
		Validator:   t.checkVerdict,
		Description: name + " the version that waits for approval: {\"name\", \"reason\"}",
	})
}

// checkVerdict rejects a verdict before it becomes part of the history.
func (t *training) checkVerdict(v Verdict) error {
	switch {
	case t.approval != nil:
		return temporal.NewNonRetryableApplicationError(
			"a verdict was given already, by "+t.approval.Name, ErrNotWaiting, nil)
	case t.status.Approval == nil:
		return temporal.NewNonRetryableApplicationError("the task is not waiting for approval", ErrNotWaiting, nil)
	}
	return v.check()
}

// awaitApproval waits for a verdict, or for the timeout. A verdict holds for the version: if the champion changes
// before the promotion, the training does not wait again.
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

// recordGate shows in MLflow that the version waits. A failure is a warning and does not stop the wait.
func (t *training) recordGate(ctx workflow.Context) {
	gate := t.result.Gate
	ctx = withOptions(ctx, notes, "record that the version waits")
	err := workflow.ExecuteActivity(ctx, t.acts.RecordGate, activities.RecordGateInput{
		Model: t.in.Model, Version: t.result.Version, Gate: string(gate.Decision), Reason: gate.Reason,
	}).Get(ctx, nil)
	if err != nil {
		t.warn(ctx, "MLflow does not show that the version waits for approval", err)
	}
}
