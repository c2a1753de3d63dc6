package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/workflows"
)

func TestPromotion(t *testing.T) {
	tests := map[string]struct {
		activity activities.PromotionResult
		want     workflows.PromotionResult
	}{
		"moves the alias": {
			activities.PromotionResult{Promoted: true, From: "1", At: noon},
			workflows.PromotionResult{Promoted: true, From: "1", To: "2", At: noon},
		},
		"another champion by then": {
			activities.PromotionResult{From: "3", At: noon},
			workflows.PromotionResult{From: "3", To: "2", At: noon},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			e.OnActivity(acts.PromoteVersion, mock.Anything, mock.Anything).Return(test.activity, nil).Once()
			e.ExecuteWorkflow(workflows.Promotion, workflows.PromotionInput{Model: "iris", Version: "2", Actor: "somebody"})
			var got workflows.PromotionResult
			if err := e.GetWorkflowResult(&got); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("result %+v, want %+v", got, test.want)
			}
			if s := e.last(t); s.State != workflows.Success || s.Promotion == nil {
				t.Errorf("saved status %+v, want a success with its result", s)
			}
		})
	}
}

func TestPromotion_refusesBadInput(t *testing.T) {
	for name, in := range map[string]workflows.PromotionInput{
		"model":   {Model: "No!", Version: "1", Actor: "a"},
		"version": {Model: "iris", Actor: "a"},
		"actor":   {Model: "iris", Version: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			e.ExecuteWorkflow(workflows.Promotion, in)
			if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrBadInput {
				t.Errorf("failed with %s, want BadInput", errorType)
			}
		})
	}
}

func TestPromotion_ignoresACancelOnceBegun(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.PromoteVersion, mock.Anything, mock.Anything).
		Return(activities.PromotionResult{Promoted: true, At: noon}, nil).
		After(time.Hour).
		Once()
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	e.ExecuteWorkflow(workflows.Promotion, workflows.PromotionInput{Model: "iris", Version: "2", Actor: "somebody"})
	if err := e.GetWorkflowError(); err != nil {
		t.Errorf("a cancel stopped a promotion half-way: %v", err)
	}
}

func TestPromotion_unknownVersionFails(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.PromoteVersion, mock.Anything, mock.Anything).
		Return(
			activities.PromotionResult{},
			temporal.NewNonRetryableApplicationError("models:/iris/9 does not exist", activities.ErrModelNotFound, nil),
		).
		Once()
	e.ExecuteWorkflow(workflows.Promotion, workflows.PromotionInput{Model: "iris", Version: "9", Actor: "somebody"})
	if errorType, _ := applicationError(t, e.GetWorkflowError()); errorType != activities.ErrModelNotFound {
		t.Errorf("failed with %s, want ModelNotFound", errorType)
	}
	if s := e.last(t); s.State != workflows.Failure {
		t.Errorf("saved status %+v, want FAILURE", s)
	}
}
