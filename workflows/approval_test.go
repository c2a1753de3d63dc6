package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

// Comparisons of a candidate with champion 2.
var (
	betterThan2 = activities.Comparison{
		Champion:          "2",
		Comparable:        true,
		Rows:              40,
		CandidateAccuracy: 0.95,
		ChampionAccuracy:  0.9,
	}
	worseThan2 = activities.Comparison{
		Champion:          "2",
		Comparable:        true,
		Rows:              40,
		CandidateAccuracy: 0.8,
		ChampionAccuracy:  0.9,
	}
	unlike2     = activities.Comparison{Champion: "2", Why: "its features are others"}
	betterThan4 = activities.Comparison{
		Champion:          "4",
		Comparable:        true,
		Rows:              40,
		CandidateAccuracy: 0.95,
		ChampionAccuracy:  0.9,
	}
	worseThan4 = activities.Comparison{
		Champion:          "4",
		Comparable:        true,
		Rows:              40,
		CandidateAccuracy: 0.8,
		ChampionAccuracy:  0.9,
	}
	manual = workflows.TrainingInput{
		Model:     "iris",
		Algorithm: model.LogisticRegression,
		Promote:   workflows.PromoteManual,
	}
	yes           = workflows.Verdict{Name: "ada", Reason: "the errors are the right ones"}
	no            = workflows.Verdict{Name: "bob", Reason: "not before the holidays"}
	afterSomeDays = 9 * 24 * time.Hour
)

// compares returns the comparisons in turn.
func compares(e *environment, in ...activities.Comparison) {
	for _, c := range in {
		e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(c, nil).Once()
	}
}

// says sends a verdict after a while. The outcome it returns is filled in when the workflow answers.
func says(e *environment, after time.Duration, update string, v any) *outcome {
	f := new(outcome)
	e.RegisterDelayedCallback(func() { e.UpdateWorkflow(update, "", f, v) }, after)
	return f
}

// outcome is the answer to an update, or why it was rejected.
type outcome struct {
	answer   any
	rejected error
}

func (f *outcome) Accept()          {}
func (f *outcome) Reject(err error) { f.rejected = err }
func (f *outcome) Complete(answer any, err error) {
	f.answer, f.rejected = answer, err
}

// recordsGate expects the workflow to record a number of times that the version waits.
func recordsGate(e *environment, times int) {
	e.OnActivity(acts.RecordGate, mock.Anything, mock.MatchedBy(func(in activities.RecordGateInput) bool {
		return in.Model == "iris" && in.Version == "3" && in.Gate == string(workflows.Waiting) && in.Reason != ""
	})).Return(nil).Times(times)
}

// promotes expects version 3 to be promoted over a champion by an actor.
func promotes(e *environment, champion, actor string, done activities.PromotionResult) {
	e.OnActivity(acts.PromoteVersion, mock.Anything, mock.MatchedBy(func(in registry.Promotion) bool {
		return in.Version == "3" && *in.Expected == champion && in.Actor == actor
	})).Return(done, nil).Once()
}

func TestTraining_asksForApproval(t *testing.T) {
	tests := map[string]struct {
		policy workflows.PromotePolicy
		waits  bool
		set    func(*environment)
		want   workflows.Decision
		reason string
	}{
		"approved": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, betterThan2)
			says(e, afterSomeDays, workflows.ApproveUpdate, yes)
			promotes(e, "2", "ada", activities.PromotionResult{Promoted: true, From: "2", At: noon})
		}, workflows.Promoted, "approved by ada: the errors are the right ones; accuracy 0.9500"},
		"approved, the first version": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, activities.Comparison{})
			says(e, time.Hour, workflows.ApproveUpdate, yes)
			promotes(e, "", "ada", activities.PromotionResult{Promoted: true, At: noon})
		}, workflows.Promoted, "no champion"},
		"approved, though not comparable": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, unlike2)
			says(e, time.Hour, workflows.ApproveUpdate, yes)
			promotes(e, "2", "ada", activities.PromotionResult{Promoted: true, From: "2", At: noon})
		}, workflows.Promoted, "approved by ada"},
		"rejected": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, betterThan2)
			says(e, afterSomeDays, workflows.RejectUpdate, no)
		}, workflows.Rejected, "rejected by bob: not before the holidays"},
		"nobody in time": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, betterThan2)
		}, workflows.Rejected, "nobody approved it within 30 days"},
		"not good enough to ask": {workflows.PromoteManual, false, func(e *environment) {
			compares(e, worseThan2)
		}, workflows.Kept, "is worse"},
		"approved, and another champion since": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, betterThan2, betterThan4)
			says(e, time.Hour, workflows.ApproveUpdate, yes)
			promotes(e, "2", "ada", activities.PromotionResult{From: "4"})
			promotes(e, "4", "ada", activities.PromotionResult{Promoted: true, From: "4", At: noon})
		}, workflows.Promoted, "champion 4"},
		"approved, and a better champion since": {workflows.PromoteManual, true, func(e *environment) {
			compares(e, betterThan2, worseThan4)
			says(e, time.Hour, workflows.ApproveUpdate, yes)
			promotes(e, "2", "ada", activities.PromotionResult{From: "4"})
		}, workflows.Kept, "champion 4"},
		"never, though better": {workflows.PromoteNever, false, func(e *environment) {
			compares(e, betterThan2)
		}, workflows.Withheld, "promotion was not requested; accuracy 0.9500"},
		"never, and worse": {workflows.PromoteNever, false, func(e *environment) {
			compares(e, worseThan2)
		}, workflows.Kept, "is worse"},
		"auto, and not comparable": {workflows.PromoteAuto, false, func(e *environment) {
			compares(e, unlike2)
		}, workflows.NeedsApproval, "its features are others; promote it explicitly"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onTraining(e)
			if test.waits {
				recordsGate(e, 1)
			}
			test.set(e)
			e.OnActivity(acts.FinishRun, mock.Anything, mock.MatchedBy(func(in activities.FinishRunInput) bool {
				return in.Status == mlflow.RunFinished && in.Gate == string(test.want) && in.Version == "3" &&
					strings.Contains(in.Reason, test.reason)
			})).Return(activities.FinishedRun{}, nil).Once()
			e.ExecuteWorkflow(
				workflows.Training,
				workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression, Promote: test.policy},
			)
			var result workflows.TrainingResult
			if err := e.GetWorkflowResult(&result); err != nil {
				t.Fatal(err)
			}
			if result.Gate.Decision != test.want || !strings.Contains(result.Gate.Reason, test.reason) {
				t.Errorf("gate %+v, want %s because %q", result.Gate, test.want, test.reason)
			}
			if s := e.last(t); s.Approval != nil || s.Training == nil || s.Stage != "done" {
				t.Errorf("saved status %+v, want no pending approval", s)
			}
		})
	}
}

func TestTraining_showsThePendingApproval(t *testing.T) {
	e := newEnvironment(t)
	onTraining(e)
	onFinish(e, mlflow.RunFinished)
	compares(e, betterThan2)
	recordsGate(e, 1)
	var during workflows.Status
	e.RegisterDelayedCallback(func() { during = e.status(t) }, time.Minute)
	rejected := says(e, time.Hour, workflows.RejectUpdate, no)
	e.ExecuteWorkflow(workflows.Training, manual)
	p := during.Approval
	if during.State != workflows.Started || during.Stage != "waiting for approval" || p == nil {
		t.Fatalf("status %+v, want it waiting for approval", during)
	}
	if p.Version != "3" || p.ModelID != "models:/iris/3" || p.Gate.Comparison != betterThan2 ||
		p.Gate.Decision != workflows.Waiting {
		t.Errorf("pending approval %+v, want version 3 with its comparison", p)
	}
	if days := p.Until.Sub(during.UpdatedAt).Hours() / 24; days != 30 {
		t.Errorf("waits for %v days, want 30", days)
	}
	answer, ok := rejected.answer.(workflows.Approval)
	if !ok || rejected.rejected != nil || answer.Approved || answer.Name != "bob" || answer.At.IsZero() {
		t.Errorf("the update was answered with %+v and %v, want the verdict", rejected.answer, rejected.rejected)
	}
}

func TestTraining_refusesVerdicts(t *testing.T) {
	const waiting = time.Hour
	tests := map[string]struct {
		after   time.Duration
		update  string
		verdict any
		want    string // type of the error
		words   string
	}{
		"too early": {time.Second, workflows.ApproveUpdate, yes, workflows.ErrNotWaiting, "not waiting"},
		"without a name": {
			waiting,
			workflows.ApproveUpdate,
			workflows.Verdict{Reason: "x"},
			workflows.ErrBadVerdict,
			"/name: is missing",
		},
		"a blank name": {
			waiting,
			workflows.RejectUpdate,
			workflows.Verdict{Name: " \n", Reason: "x"},
			workflows.ErrBadVerdict,
			"/name: is missing",
		},
		"without a reason": {
			waiting,
			workflows.RejectUpdate,
			workflows.Verdict{Name: "ada"},
			workflows.ErrBadVerdict,
			"/reason: is missing",
		},
		"a long name": {
			waiting,
			workflows.ApproveUpdate,
			workflows.Verdict{Name: strings.Repeat("x", 201), Reason: "x"},
			workflows.ErrBadVerdict,
			"at most 200",
		},
		"a long reason": {
			waiting,
			workflows.ApproveUpdate,
			workflows.Verdict{Name: "ada", Reason: strings.Repeat("x", 2001)},
			workflows.ErrBadVerdict,
			"at most 2000",
		},
		"a second approval": {3 * waiting, workflows.ApproveUpdate, yes, workflows.ErrNotWaiting, "already, by bob"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil).After(time.Minute)
			onTraining(e)
			compares(e, betterThan2)
			recordsGate(e, 1)
			e.OnActivity(acts.FinishRun, mock.Anything, mock.Anything).Return(activities.FinishedRun{}, nil).After(10 * waiting)
			says(e, 2*waiting, workflows.RejectUpdate, no)
			refused := says(e, test.after, test.update, test.verdict)
			e.ExecuteWorkflow(workflows.Training, manual)
			errorType, message := applicationError(t, refused.rejected)
			if errorType != test.want || !strings.Contains(message, test.words) {
				t.Errorf("refused with %s: %s, want %s saying %q", errorType, message, test.want, test.words)
			}
			if s := e.last(t); s.Training.Gate.Decision != workflows.Rejected || s.Training.Gate.Approval.Name != "bob" {
				t.Errorf("gate %+v, want only the verdict of bob to count", s.Training.Gate)
			}
		})
	}
}

func TestTraining_cancelWhileItWaits(t *testing.T) {
	e := newEnvironment(t)
	onTraining(e)
	e.OnActivity(acts.FinishRun, mock.Anything, mock.MatchedBy(func(in activities.FinishRunInput) bool {
		return in.Status == mlflow.RunKilled && in.Version == "3" && in.Gate == string(workflows.Rejected) &&
			strings.Contains(in.Reason, "cancelled")
	})).Return(activities.FinishedRun{}, nil).Once()
	compares(e, betterThan2)
	// MLflow refuses the record; the training waits all the same.
	e.OnActivity(acts.RecordGate, mock.Anything, mock.Anything).
		Return(temporal.NewNonRetryableApplicationError("no", activities.ErrRefused, nil)).Once()
	e.RegisterDelayedCallback(e.CancelWorkflow, afterSomeDays)
	e.ExecuteWorkflow(workflows.Training, manual)
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want a cancellation", err)
	}
	if s := e.last(t); s.State != workflows.Revoked || s.Stage != "waiting for approval" || s.Approval != nil {
		t.Errorf("saved status %+v, want REVOKED while it waited", s)
	}
}
