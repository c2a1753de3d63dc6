package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// l2 returns the hyperparameter that these tests search.
func l2(spec model.Spec) (v float64) {
	var h struct {
		L2 float64 `json:"l2"`
	}
	if err := json.Unmarshal(spec.Hyperparameters, &h); err != nil {
		panic(err)
	}
	return h.L2
}

// tried returns the result of a trial with a log loss.
func tried(in activities.RunTrialInput, loss, std float64) activities.TriedSpec {
	return activities.TriedSpec{RunID: "run-of-" + in.Name, Rows: int(112 * in.Share), Validated: model.Validated{
		Fits:   in.CV.Folds * in.CV.Repeats,
		Scores: map[string]model.Score{"log_loss": {Mean: loss, Std: std}, "accuracy": {Mean: 1 - loss}, "ece": {Mean: loss}},
	}}
}

// runs records the trials that the workflow runs.
type runs struct {
	mu   sync.Mutex
	seen []activities.RunTrialInput
}

// on mocks every trial by do.
func (r *runs) on(e *environment, do func(activities.RunTrialInput) (activities.TriedSpec, error)) {
	e.OnActivity(acts.RunTrial, mock.Anything, mock.Anything).
		Return(func(_ context.Context, in activities.RunTrialInput) (activities.TriedSpec, error) {
			r.mu.Lock()
			r.seen = append(r.seen, in)
			r.mu.Unlock()
			return do(in)
		})
}

// lossIsL2 makes a smaller l2 the better one.
func lossIsL2(in activities.RunTrialInput) (activities.TriedSpec, error) {
	return tried(in, l2(in.Spec), 0.1), nil
}

// onKept makes a training end without a promotion.
func onKept(e *environment) {
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Why: "x"}, nil)
}

// onChosen mocks everything after the trials, for a training that ends without a promotion.
func onChosen(e *environment) {
	e.OnActivity(acts.LogChoice, mock.Anything, mock.Anything).Return(nil).Once()
	onTraining(e)
	onKept(e)
	onFinish(e, mlflow.RunFinished)
}

// result runs a training that must succeed.
func (e *environment) result(t *testing.T, in workflows.TrainingInput) (result workflows.TrainingResult) {
	t.Helper()
	e.ExecuteWorkflow(workflows.Training, in)
	if err := e.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestSearch_fitsTheBestSpec(t *testing.T) {
	for name, test := range map[string]struct {
		metric search.Metric
		best   float64
	}{
		"less is better":       {search.LogLoss, 1},
		"more is better":       {search.Accuracy, 1},
		"less error is better": {search.ECE, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			var r runs
			r.on(e, lossIsL2)
			e.OnActivity(acts.LogChoice, mock.Anything, mock.MatchedBy(func(in activities.LogChoiceInput) bool {
				return l2(in.Spec) == test.best && in.Run.ID == trainingRun.ID && in.Trial.RunID == "run-of-trial-2"
			})).Return(nil).Once()
			e.OnActivity(acts.StartRun, mock.Anything, mock.MatchedBy(func(in activities.StartRunInput) bool {
				return in.Search["search.method"] == "grid" && in.Search["search.metric"] == string(test.metric) &&
					in.Search["cv_folds"] == "4"
			})).Return(trainingRun, nil).Once()
			e.OnActivity(acts.TrainModel, mock.Anything, mock.MatchedBy(func(in activities.TrainModelInput) bool {
				return l2(in.Spec) == test.best
			})).
				Return(fitted, nil).
				Once()
			onTraining(e)
			onKept(e)
			onFinish(e, mlflow.RunFinished)
			search := searchOf(t, `{"method":"grid","space":{"l2":[3,1,2]},"folds":4,"metric":"`+string(test.metric)+`"}`)
			result := e.result(
				t,
				workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression, Search: search, Repeats: new(2)},
			)
			s := result.Search
			if s == nil || s.Total != 3 || s.Done != 3 || s.Failed != 0 || len(s.Trials) != 3 || s.Best.Name != "trial-2" ||
				s.Reason == "" {
				t.Fatalf("search %+v, want three trials and the second the best", s)
			}
			if got := s.Trials[0]; got.RunID != "run-of-trial-1" || got.Fits != 8 || got.Rows != 112 || got.Score == nil {
				t.Errorf("first trial %+v, want its run, rows, fits and score", got)
			}
			for _, in := range r.seen {
				if in.Share != 1 || in.CV != (model.CrossValidation{Folds: 4, Repeats: 2, Seed: 42}) ||
					in.Parent.ID != trainingRun.ID ||
					in.TestSize != 0.25 {
					t.Errorf("trial of %+v, want all rows, 4 folds twice, under the training's run", in)
				}
			}
			if last := e.last(t); last.Search == nil || last.Search.Done != 3 || last.Unit != "" {
				t.Errorf("saved status %+v, want the search in it and no unit", last)
			}
		})
	}
}

func TestSearch_survivesFailedTrials(t *testing.T) {
	e := newEnvironment(t)
	var r runs
	r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
		if l2(in.Spec) < 3 {
			return activities.TriedSpec{}, temporal.NewNonRetryableApplicationError(
				"/hyperparameters/l2: no",
				activities.ErrBadInput,
				nil,
			)
		}
		return lossIsL2(in)
	})
	var mu sync.Mutex
	var closed []string
	e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).
		Return(func(_ context.Context, in activities.CloseTrialInput) error {
			mu.Lock()
			defer mu.Unlock()
			closed = append(closed, in.Name+" "+string(in.Status)+" "+in.Reason)
			return temporal.NewNonRetryableApplicationError("MLflow is gone", "x", nil) // ignored
		}).
		Twice()
	onChosen(e)
	result := e.result(
		t,
		workflows.TrainingInput{
			Model:     "iris",
			Algorithm: model.LogisticRegression,
			Search:    searchOf(t, `{"method":"grid","space":{"l2":[1,2,3,4]}}`),
		},
	)
	if s := result.Search; s.Failed != 2 || s.Done != 4 || s.Best.Name != "trial-3" ||
		s.Trials[0].Error != "/hyperparameters/l2: no" ||
		s.Trials[0].Score != nil {
		t.Errorf("search %+v, want two failed trials and the best of the others", s)
	}
	if got := strings.Join(closed, "; "); !strings.Contains(got, "trial-1 FAILED /hyperparameters/l2: no") {
		t.Errorf("closed %s, want the failed trials' runs FAILED with the reason", got)
	}
}

func TestSearch_allTrialsFail(t *testing.T) {
	for name, test := range map[string]struct{ kind, message, wantMessage string }{
		"for the user": {
			activities.ErrBadDataset, "class x only " + strings.Repeat("y", 400),
			"all 3 trials failed, the first: class x only",
		},
		"internal": {activities.ErrRefused, "secret", "internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			var r runs
			r.on(e, func(activities.RunTrialInput) (activities.TriedSpec, error) {
				return activities.TriedSpec{}, temporal.NewNonRetryableApplicationError(test.message, test.kind, nil)
			})
			e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Return(nil).Times(3)
			e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
			e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
			onFinish(e, mlflow.RunFailed)
			e.ExecuteWorkflow(
				workflows.Training,
				workflows.TrainingInput{
					Model:     "iris",
					Algorithm: model.LogisticRegression,
					Search:    searchOf(t, `{"method":"halving","space":{"l2":[1,2,3]}}`),
				},
			)
			if kind, _ := applicationError(t, e.GetWorkflowError()); kind != test.kind {
				t.Errorf("failed with %s, want %s", kind, test.kind)
			}
			last := e.last(t)
			if last.State != workflows.Failure || !strings.Contains(last.Error.Message, test.wantMessage) ||
				len(last.Error.Message) > 400 ||
				last.Search.Failed != 3 {
				t.Errorf("saved status %+v (%+v), want a short FAILURE that says %q", last, last.Error, test.wantMessage)
			}
			if strings.Contains(last.Error.Message, "secret") {
				t.Error("an internal message reached the user")
			}
		})
	}
}

func TestSearch_cancelKeepsFinishedTrials(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	e.OnActivity(acts.RunTrial, mock.Anything, mock.MatchedBy(func(in activities.RunTrialInput) bool {
		return l2(in.Spec) <= 3
	})).
		Return(activities.TriedSpec{
			RunID:     "r",
			Validated: model.Validated{Fits: 5, Scores: map[string]model.Score{"log_loss": {Mean: 0.5}}},
		}, nil)
	e.OnActivity(acts.RunTrial, mock.Anything, mock.Anything).
		Return(activities.TriedSpec{}, temporal.NewCanceledError()).
		After(time.Hour)
	var killed atomic.Int64
	e.OnActivity(acts.CloseTrial, mock.Anything, mock.MatchedBy(func(in activities.CloseTrialInput) bool {
		return in.Status == mlflow.RunKilled
	})).
		Return(func(context.Context, activities.CloseTrialInput) error { killed.Add(1); return nil })
	onFinish(e, mlflow.RunKilled)
	var during workflows.Status
	e.RegisterDelayedCallback(func() {
		during = e.status(t)
		e.CancelWorkflow()
	}, time.Minute)
	values := make([]string, 40)
	for i := range values {
		values[i] = fmt.Sprint(i + 1)
	}
	e.ExecuteWorkflow(
		workflows.Training,
		workflows.TrainingInput{
			Model:     "iris",
			Algorithm: model.LogisticRegression,
			Search:    searchOf(t, `{"method":"grid","space":{"l2":[`+strings.Join(values, ",")+`]}}`),
		},
	)
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Fatalf("ended with %v, want a cancellation", err)
	}
	if during.Stage != "try candidates" || during.Done != 3 || during.Total != 40 || during.Unit != "trials" ||
		during.Search.Best == nil {
		t.Errorf("status while trying: %+v, want 3 of 40 trials and the best of them", during)
	}
	last := e.last(t)
	if last.State != workflows.Revoked || last.Search.Done != 3 || last.Search.Best.RunID != "r" {
		t.Errorf("saved status %+v, want REVOKED with the three trials that finished", last)
	}
	if killed.Load() != 16 {
		t.Errorf("%d runs were killed, want the 16 running trials", killed.Load())
	}
}

func TestSearch_halvingKeepsTheBestThird(t *testing.T) {
	e := newEnvironment(t)
	large := trainingData
	large.Rows = 20_000
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(large, nil)
	var r runs
	r.on(e, lossIsL2)
	onChosen(e)
	result := e.result(
		t,
		workflows.TrainingInput{
			Model:     "iris",
			Algorithm: model.LogisticRegression,
			Search:    searchOf(t, `{"method":"halving","space":{"l2":{"min":0.1,"max":10}},"budget":30}`),
		},
	)
	rungs := map[string][]float64{}
	for _, in := range r.seen {
		share := fmt.Sprintf("%.3f", in.Share)
		rungs[share] = append(rungs[share], l2(in.Spec))
	}
	if len(rungs["0.111"]) != 20 || len(rungs["0.333"]) != 7 || len(rungs["1.000"]) != 3 || len(r.seen) != 30 {
		t.Fatalf("rungs %v, want 20 trials on a ninth, 7 on a third, 3 on all rows", rungs)
	}
	better := 0
	for _, first := range rungs["0.111"] {
		for _, second := range rungs["0.333"] {
			if first < second {
				better++
				break
			}
		}
	}
	if better > 6 {
		t.Errorf("%d of the first rung beat some of the second: it does not hold the best 7", better)
	}
	s := result.Search
	if s.Total != 30 || s.Done != 30 || !strings.HasPrefix(s.Best.Name, "rung-3-") || s.Best.Rows != 112 {
		t.Errorf("search %+v, want the best of the third rung", s)
	}
}

func TestSearch_halvingContinuesAfterFailures(t *testing.T) {
	e := newEnvironment(t)
	large := trainingData
	large.Rows = 20_000
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(large, nil)
	var r runs
	r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
		if strings.HasPrefix(in.Name, "rung-1-") && !strings.HasSuffix(in.Name, "5") {
			return activities.TriedSpec{}, temporal.NewNonRetryableApplicationError("no", activities.ErrBadInput, nil)
		}
		return lossIsL2(in)
	})
	e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Return(nil)
	onChosen(e)
	result := e.result(
		t,
		workflows.TrainingInput{
			Model:     "iris",
			Algorithm: model.LogisticRegression,
			Search:    searchOf(t, `{"method":"halving","space":{"l2":{"min":0.1,"max":10}},"budget":30}`),
		},
	)
	// Of 20 trials, trial-5 and trial-15 succeed. The last rung has the better one.
	if s := result.Search; s.Total != s.Done || s.Done != len(s.Trials) || s.Failed != 18 || s.Total != 23 ||
		s.Best.Score == nil {
		t.Errorf("search %+v, want it to end with the remaining trials", s)
	}
}

func TestTraining_crossValidatesTheGivenSpec(t *testing.T) {
	e := newEnvironment(t)
	var r runs
	r.on(e, lossIsL2)
	onChosen(e)
	result := e.result(
		t,
		workflows.TrainingInput{
			Model:           "iris",
			Algorithm:       model.LogisticRegression,
			Hyperparameters: json.RawMessage(`{"l2":7}`),
			CVFolds:         new(10),
		},
	)
	if s := result.Search; s.Method != "cross_validation" || len(s.Trials) != 1 || s.Trials[0].Score.Mean != 7 ||
		s.Trials[0].Fits != 10 {
		t.Errorf("search %+v, want one trial of the spec in ten folds", s)
	}
}

func TestTraining_refusesABadSearch(t *testing.T) {
	e := newEnvironment(t)
	e.ExecuteWorkflow(
		workflows.Training,
		workflows.TrainingInput{
			Model:     "iris",
			Algorithm: model.LogisticRegression,
			Search:    searchOf(t, `{"method":"grid","space":{"depth":[1]}}`),
		},
	)
	kind, message := applicationError(t, e.GetWorkflowError())
	if kind != activities.ErrBadInput || !strings.Contains(message, "/search/space/depth") {
		t.Errorf("failed with %s: %s, want BadInput naming the pointer", kind, message)
	}
}
