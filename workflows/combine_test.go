package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

func TestAuto_combinesTrials(t *testing.T) {
	alone := search.Combined{
		Spec: model.Spec{Algorithm: model.GBDT}, Temperature: 1, Reason: "alone",
		Ensemble: search.Gain{Before: .2, After: .199, Error: .01},
	}
	together := search.Combined{
		Spec: model.Spec{Algorithm: model.Ensemble, Seed: 42, Hyperparameters: json.RawMessage(
			`{"members":[{"algorithm":"gbdt","weight":2},{"algorithm":"logistic_regression","weight":1}]}`)},
		Picks: []search.Pick{
			{Name: "trial-4", Algorithm: model.GBDT, Times: 2}, {Name: "trial-1", Algorithm: model.LogisticRegression, Times: 1},
		},
		Temperature: 1, Ensemble: search.Gain{Before: .2, After: .15, Error: .01, Taken: true}, Reason: "together",
	}
	for name, test := range map[string]struct {
		combined search.Combined
		err      error
		keeps    func(trial string) bool
		want     model.Algorithm
		chosen   string // on the leaderboard
		reason   string
		warnings int
	}{
		"the ensemble is better":     {combined: together, want: model.Ensemble, chosen: "ensemble", reason: "together"},
		"the ensemble is not better": {combined: alone, want: model.GBDT, chosen: "trial-4", reason: "the best of"},
		"the comparison fails": {
			err:  temporal.NewNonRetryableApplicationError("gone", activities.ErrObjectLost, nil),
			want: model.GBDT, chosen: "trial-4", reason: "the best of", warnings: 1,
		},
		"an older worker ran the trials": {
			keeps: func(string) bool { return false }, want: model.GBDT, chosen: "trial-4", reason: "the best of",
		},
		"one trial keeps its predictions": {
			keeps: func(trial string) bool { return trial == "trial-4" },
			want:  model.GBDT, chosen: "trial-4", reason: "the best of",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			var r runs
			r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
				loss := .4
				if in.Name == "trial-4" {
					loss = .2
				}
				result := tried(in, loss, 0)
				if test.keeps == nil || test.keeps(in.Name) {
					result.HeldOut = &objstore.Ref{Bucket: "iris", Key: in.Name}
				}
				return result, nil
			})
			if test.keeps == nil {
				together.Trial = search.Trial{Name: "trial-4", Algorithm: model.GBDT}
				test.combined.Trial = together.Trial
				e.OnActivity(acts.CombineTrials, mock.Anything, mock.MatchedBy(func(in activities.CombineTrialsInput) bool {
					return len(in.Trials) == len(autoSpecs(150)) && in.Trials[3].HeldOut.Key == "trial-4" &&
						in.Metric == search.LogLoss && in.Base.Seed == 42
				})).Return(test.combined, test.err).Once()
			}
			e.OnActivity(acts.TrainModel, mock.Anything, mock.MatchedBy(func(in activities.TrainModelInput) bool {
				return in.Spec.Algorithm == test.want
			})).Return(fitted, nil).Once()
			onChosen(e)
			result := e.result(t, workflows.TrainingInput{Model: "iris"})
			s := result.Search
			if result.Algorithm != test.want || s.Best.Name != "trial-4" || !strings.Contains(s.Reason, test.reason) ||
				len(s.Trials) != len(autoSpecs(150)) {
				t.Errorf("fitted %s because %q, want %s", result.Algorithm, s.Reason, test.want)
			}
			if compared := test.keeps == nil && test.err == nil; compared != (s.Ensemble != nil) {
				t.Errorf("ensemble %+v, want one: %t", s.Ensemble, compared)
			}
			if got := e.leaderboard(t).Chosen; got != test.chosen {
				t.Errorf("the leaderboard has %q chosen, want %q", got, test.chosen)
			}
			if last := e.last(t); len(last.Warnings) != test.warnings {
				t.Errorf("warnings %q, want %d", last.Warnings, test.warnings)
			}
			for _, in := range r.seen {
				if !in.Hold {
					t.Errorf("%s keeps no predictions", in.Name)
				}
			}
		})
	}
}

// Only trials of the last round keep predictions, only in auto, and not beyond a limit.
func TestTrials_keepPredictions(t *testing.T) {
	for name, test := range map[string]struct {
		rows, classes int
		in            workflows.TrainingInput
		want          int
	}{
		"auto":         {150, 3, workflows.TrainingInput{}, 9},
		"two rounds":   {150_000, 3, workflows.TrainingInput{}, 3},
		"many classes": {5000, 1000, workflows.TrainingInput{}, 0},
		"a search": {150, 3, workflows.TrainingInput{
			Algorithm: model.LogisticRegression, Search: searchOf(t, `{"method":"grid","space":{"l2":[1,2]}}`),
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			data := trainingData
			data.Rows, data.Classes = test.rows, test.classes
			e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(data, nil)
			var r runs
			r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) { return tried(in, 1, 0), nil })
			onChosen(e)
			test.in.Model = "iris"
			e.result(t, test.in)
			held := 0
			for _, in := range r.seen {
				if in.Hold {
					held++
				}
			}
			if held != test.want {
				t.Errorf("%d trials of %d keep predictions, want %d", held, len(r.seen), test.want)
			}
		})
	}
}

func TestAuto_cancelWhileItCombines(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	var r runs
	r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
		result := tried(in, 1, 0)
		result.HeldOut = &objstore.Ref{Key: in.Name}
		return result, nil
	})
	e.OnActivity(acts.CombineTrials, mock.Anything, mock.Anything).
		Return(search.Combined{}, temporal.NewCanceledError()).
		Run(func(mock.Arguments) { e.CancelWorkflow() })
	onFinish(e, mlflow.RunKilled)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris"})
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want a cancellation", err)
	}
}
