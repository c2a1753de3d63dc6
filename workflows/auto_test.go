package workflows_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

func TestAuto_takesTheCheapestWithinAStandardError(t *testing.T) {
	type score struct{ mean, std float64 }
	for name, test := range map[string]struct {
		cheap, costly score // logistic_regression and gbdt
		want          model.Algorithm
		reason        string
	}{
		"the cheap one is better": {
			score{0.1, 0.01}, score{0.2, 0.01}, model.LogisticRegression, "the best of 6",
		},
		"the costly one is better, within a standard error": {
			score{0.209, 0.5}, score{0.2, 0.0224}, model.LogisticRegression, "within a standard error",
		},
		"the costly one is clearly better": {score{0.211, 0.5}, score{0.2, 0.0224}, model.GBDT, "the best of 6"},
		"a tie":                            {score{0.2, 0}, score{0.2, 0}, model.LogisticRegression, "cheaper"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			var r runs
			r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
				switch in.Spec.Algorithm {
				case model.LogisticRegression:
					return tried(in, test.cheap.mean, test.cheap.std), nil
				case model.GBDT:
					return tried(in, test.costly.mean, test.costly.std), nil
				}
				return activities.TriedSpec{}, temporal.NewNonRetryableApplicationError(
					"not in this test",
					activities.ErrBadInput,
					nil,
				)
			})
			e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Maybe().Return(nil)
			e.OnActivity(acts.LogChoice, mock.Anything, mock.MatchedBy(func(in activities.LogChoiceInput) bool {
				return in.Spec.Algorithm == test.want
			})).
				Return(nil).
				Once()
			onTraining(e)
			onKept(e)
			onFinish(e, mlflow.RunFinished)
			result := e.result(t, workflows.TrainingInput{Model: "iris", Algorithm: search.Auto, Seed: new(uint64(7))})
			s := result.Search
			if result.Algorithm != test.want || s.Best.Algorithm != test.want || s.Method != "auto" ||
				s.Total != len(autoSpecs(150)) {
				t.Errorf("took %s because %s of %d trials, want %s", result.Algorithm, s.Reason, s.Total, test.want)
			}
			if name != "a tie" && !strings.Contains(s.Reason, test.reason) {
				t.Errorf("because %q, want it to say %q", s.Reason, test.reason)
			}
			for _, in := range r.seen {
				if in.Spec.Seed != 7 || in.Share != 1 || in.CV.Folds != 5 || in.CV.Repeats != 1 {
					t.Errorf("trial of %+v, want defaults on all rows with the seed of the request", in)
				}
			}
		})
	}
}

// autoSpecs lists what auto tries on a table.
func autoSpecs(rows int) []model.Spec {
	return search.AutoSpecs(model.Spec{}, search.AutoSize{Rows: rows, Train: rows, Classes: 3})
}

func TestAuto_skipsFamiliesThatDoNotSuit(t *testing.T) {
	e := newEnvironment(t)
	large := trainingData
	large.Rows = 1 << 30
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(large, nil)
	var r runs
	r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) { return tried(in, 1, 0), nil })
	onChosen(e)
	e.result(t, workflows.TrainingInput{Model: "iris", Algorithm: search.Auto})
	first := len(autoSpecs(1 << 30))
	if len(r.seen) != first+3 {
		t.Fatalf("%d trials, want %d, and three of them again on more rows", len(r.seen), first)
	}
	slices.SortFunc(r.seen, func(a, b activities.RunTrialInput) int { return cmp.Compare(a.Share, b.Share) })
	if few, more := r.seen[0].Share, r.seen[first].Share; few <= 0 || few >= more || more >= 1e-4 {
		t.Errorf("samples of %v and %v of the rows, want a few thousand rows each", few, more)
	}
}

func TestAuto_refusesFieldsOfOneAlgorithm(t *testing.T) {
	for name, test := range map[string]struct {
		in      workflows.TrainingInput
		pointer string
	}{
		"hyperparameters": {workflows.TrainingInput{Hyperparameters: json.RawMessage(`{"l2":1}`)}, "/hyperparameters"},
		"a search":        {workflows.TrainingInput{Search: searchOf(t, `{"method":"grid","space":{"l2":[1]}}`)}, "/search"},
		"bad folds":       {workflows.TrainingInput{CVFolds: new(1)}, "/cv_folds"},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.Model, test.in.Algorithm = "iris", search.Auto
			_, _, err := test.in.Resolve()
			var wrong *model.SpecError
			if !errors.As(err, &wrong) || wrong.Pointer != test.pointer {
				t.Errorf("refused with %v, want the pointer %s", err, test.pointer)
			}
		})
	}
	_, _, err := workflows.TrainingInput{Model: "iris", Algorithm: "astrology"}.Resolve()
	if err == nil || !strings.Contains(err.Error(), "or auto") {
		t.Errorf("an unknown algorithm: %v, want auto among the choices", err)
	}
}
