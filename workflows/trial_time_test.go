package workflows_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
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

// values lists the numbers from 1 to n for a space of a search.
func values(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i + 1)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// onTrial mocks the trials with an l2, which take that long.
func onTrial(e *environment, of func(l2 float64) bool, takes time.Duration, result activities.TriedSpec, err error) {
	e.OnActivity(acts.RunTrial, mock.Anything, mock.MatchedBy(func(in activities.RunTrialInput) bool {
		return of(l2(in.Spec))
	})).
		Return(result, err).
		After(takes)
}

func is(v float64) func(float64) bool { return func(l2 float64) bool { return l2 == v } }

// scoring returns the result of a trial with a log loss.
func scoring(loss float64) activities.TriedSpec {
	return activities.TriedSpec{RunID: "r", Rows: 112, Seconds: 1.5, Validated: model.Validated{
		Fits: 5, Scores: map[string]model.Score{"log_loss": {Mean: loss}},
	}}
}

func TestSearch_timeIsOver(t *testing.T) {
	refused := temporal.NewNonRetryableApplicationError("no", activities.ErrBadInput, nil)
	type trial struct {
		takes time.Duration
		err   error
	}
	for name, test := range map[string]struct {
		first   []trial // all others run until they are cancelled
		values  int
		limit   int
		done    int
		failed  int
		best    string
		stopped int
		killed  int // of the stopped trials, those that ran
	}{
		"after two trials": {
			first: []trial{{time.Minute, nil}, {2 * time.Minute, nil}}, values: 40, limit: 150,
			done: 2, best: "trial-1", stopped: 38, killed: 16,
		},
		"before the first has ended": {
			first: []trial{{time.Minute, nil}}, values: 3, limit: 1,
			done: 1, best: "trial-1", stopped: 2, killed: 2,
		},
		"before the first has ended, and it fails": {
			first: []trial{{time.Minute, refused}, {2 * time.Minute, nil}}, values: 3, limit: 1,
			done: 2, failed: 1, best: "trial-2", stopped: 1, killed: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			for i, of := range test.first {
				onTrial(e, is(float64(i+1)), of.takes, scoring(float64(i+1)), of.err)
			}
			rest := func(l2 float64) bool { return l2 > float64(len(test.first)) }
			onTrial(e, rest, time.Hour, activities.TriedSpec{}, temporal.NewCanceledError())
			killed := e.OnActivity(acts.CloseTrial, mock.Anything, mock.MatchedBy(func(in activities.CloseTrialInput) bool {
				return in.Status == mlflow.RunKilled && in.Reason == "the time for trials was over"
			})).Return(nil)
			killed.Times(test.killed)
			e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Maybe().Return(nil) // of failed trials
			onChosen(e)
			result := e.result(t, workflows.TrainingInput{
				Model: "iris", Algorithm: model.LogisticRegression,
				Search: searchOf(t, `{"method":"grid","space":{"l2":`+values(test.values)+`}}`),
				Limits: search.Limits{MaxRuntimeSeconds: &test.limit},
			})
			s := result.Search
			stopped := 0
			for _, trial := range s.Trials {
				if trial.Stopped {
					stopped++
				}
			}
			if !s.TimeOver || s.Done != test.done || s.Failed != test.failed || s.Best.Name != test.best ||
				stopped != test.stopped || len(s.Trials) != test.values {
				t.Errorf("search %+v with %d stopped trials, want %+v", s, stopped, test)
			}
			if !strings.Contains(s.Reason, "another run may choose otherwise") {
				t.Errorf("because %q, want it to say that time decided", s.Reason)
			}
		})
	}
}

func TestSearch_endsInTime(t *testing.T) {
	e := newEnvironment(t)
	onTrial(e, func(float64) bool { return true }, time.Minute, scoring(1), nil)
	onChosen(e)
	result := e.result(t, workflows.TrainingInput{
		Model: "iris", Algorithm: model.LogisticRegression,
		Search: searchOf(t, `{"method":"grid","space":{"l2":[1,2]}}`),
		Limits: search.Limits{MaxRuntimeSeconds: new(90)},
	})
	if s := result.Search; s.TimeOver || s.Done != 2 || strings.Contains(s.Reason, "another run") {
		t.Errorf("search %+v, want two trials in time", s)
	}
}

// TestTraining_maxTrials runs each training twice: the same limit chooses the same spec.
func TestTraining_maxTrials(t *testing.T) {
	const space = `"space":{"l2":{"min":1,"max":2}}}`
	for name, test := range map[string]struct {
		rows    int
		request string // of a search, "" for auto
		limit   int
		rounds  int
	}{
		"auto":                       {rows: 150, limit: 3, rounds: 1},
		"auto, one":                  {rows: 150, limit: 1, rounds: 1},
		"auto, one of a large table": {rows: 1 << 20, limit: 1, rounds: 1},
		"auto, a large table":        {rows: 1 << 20, limit: 9, rounds: 2},
		"random":                     {rows: 150, request: `{"method":"random",` + space, limit: 4, rounds: 1},
		"halving":                    {rows: 1 << 20, request: `{"method":"halving",` + space, limit: 9, rounds: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var specs []model.Spec
			for range 2 {
				e := newEnvironment(t)
				data := trainingData
				data.Rows = test.rows
				e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(data, nil)
				var r runs
				r.on(e, func(in activities.RunTrialInput) (activities.TriedSpec, error) {
					return tried(in, 1/float64(1+len(in.Spec.Hyperparameters)), 0), nil
				})
				e.OnActivity(acts.TrainModel, mock.Anything, mock.MatchedBy(func(in activities.TrainModelInput) bool {
					specs = append(specs, in.Spec)
					return true
				})).Return(fitted, nil)
				onChosen(e)
				in := workflows.TrainingInput{Model: "iris", Limits: search.Limits{MaxTrials: &test.limit}}
				if test.request != "" {
					in.Algorithm, in.Search = model.LogisticRegression, searchOf(t, test.request)
				}
				s := e.result(t, in).Search
				shares := map[float64]bool{}
				for _, in := range r.seen {
					shares[in.Share] = true
				}
				if s.Done > test.limit || s.Done < test.limit-2 || s.Done != s.Total || len(shares) != test.rounds {
					t.Errorf("%d of %d trials on %d shares of the rows, want %d on %d",
						s.Done, s.Total, len(shares), test.limit, test.rounds)
				}
			}
			if !reflect.DeepEqual(specs[0], specs[1]) {
				t.Errorf("fitted %s and then %s", specs[0].Hyperparameters, specs[1].Hyperparameters)
			}
		})
	}
}

func TestLimits_refusals(t *testing.T) {
	random := searchOf(t, `{"method":"random","space":{"l2":{"min":1,"max":2}}}`)
	for name, test := range map[string]struct {
		in      workflows.TrainingInput
		pointer string
	}{
		"no trials":   {workflows.TrainingInput{Limits: search.Limits{MaxTrials: new(0)}}, "/max_trials"},
		"many trials": {workflows.TrainingInput{Limits: search.Limits{MaxTrials: new(201)}}, "/max_trials"},
		"no time":     {workflows.TrainingInput{Limits: search.Limits{MaxRuntimeSeconds: new(0)}}, "/max_runtime_seconds"},
		"two days": {
			workflows.TrainingInput{Limits: search.Limits{MaxRuntimeSeconds: new(172_800)}}, "/max_runtime_seconds",
		},
		"nothing to limit": {
			workflows.TrainingInput{Algorithm: model.GBDT, Limits: search.Limits{MaxTrials: new(3)}}, "/max_trials",
		},
		"one spec": {
			workflows.TrainingInput{Algorithm: model.GBDT, CVFolds: new(3), Limits: search.Limits{MaxRuntimeSeconds: new(3)}},
			"/max_runtime_seconds",
		},
		"a larger grid": {
			workflows.TrainingInput{
				Algorithm: model.LogisticRegression, Limits: search.Limits{MaxTrials: new(2)},
				Search: searchOf(t, `{"method":"grid","space":{"l2":[1,2,3]}}`),
			},
			"/max_trials",
		},
		"the least": {workflows.TrainingInput{Limits: search.Limits{MaxTrials: new(1), MaxRuntimeSeconds: new(1)}}, ""},
		"the most": {
			workflows.TrainingInput{
				Algorithm: model.LogisticRegression, Search: random,
				Limits: search.Limits{MaxTrials: new(200), MaxRuntimeSeconds: new(86_400)},
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.Model = "iris"
			_, _, err := test.in.Resolve()
			var wrong *model.SpecError
			if errors.As(err, &wrong); wrong == nil && test.pointer != "" || wrong != nil && wrong.Pointer != test.pointer {
				t.Errorf("error %v, want the pointer %q", err, test.pointer)
			}
		})
	}
}

func TestLeaderboard(t *testing.T) {
	e := newEnvironment(t)
	refused := temporal.NewNonRetryableApplicationError("no", activities.ErrBadInput, nil)
	onTrial(e, is(1), time.Minute, scoring(.3), nil)
	onTrial(e, is(2), time.Minute, scoring(.2), nil)
	onTrial(e, is(3), time.Minute, activities.TriedSpec{}, refused)
	onTrial(e, func(v float64) bool { return v > 3 }, time.Hour, scoring(.1), nil)
	e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Return(nil)
	onChosen(e)
	var during workflows.Leaderboard
	e.RegisterDelayedCallback(func() { during = e.leaderboard(t) }, 2*time.Minute)
	result := e.result(t, workflows.TrainingInput{
		Model: "iris", Algorithm: model.LogisticRegression,
		Search: searchOf(t, `{"method":"grid","space":{"l2":`+values(20)+`}}`),
	})
	if during.Method != search.Grid || during.Metric != search.LogLoss || during.Total != 20 || during.Chosen != "" {
		t.Errorf("leaderboard %+v, want that of a grid of 20", during)
	}
	if got, want := shape(during), "trial-2 1 done, trial-1 2 done, 16 running, 1 waiting, 1 failed"; got != want {
		t.Errorf("leaderboard of %s, want %s", got, want)
	}
	first := during.Trials[0]
	if first.Score == nil || first.Score.Mean != .2 || first.Seconds != 1.5 || first.Rows != 112 || first.RunID != "r" ||
		len(first.Hyperparameters) == 0 || first.Algorithm != model.LogisticRegression {
		t.Errorf("first trial %+v, want all of it", first)
	}
	after := e.leaderboard(t)
	if got, want := shape(after), "trial-4 1 done"; !strings.HasPrefix(got, want) || after.Chosen != "trial-4" {
		t.Errorf("leaderboard at the end: %s chosen of %s, want trial-4 of %s", after.Chosen, got, want)
	}
	ended := workflows.NewLeaderboard(result.Search.SearchProgress, result.Search.Trials)
	if shape(ended) != shape(after) {
		t.Errorf("leaderboard of the result: %s, want %s", shape(ended), shape(after))
	}
}

func TestLeaderboard_ofACancelledTraining(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	onTrial(e, is(1), time.Second, scoring(.3), nil)
	onTrial(e, func(v float64) bool { return v > 1 }, time.Hour, activities.TriedSpec{}, temporal.NewCanceledError())
	e.OnActivity(acts.CloseTrial, mock.Anything, mock.Anything).Return(nil)
	onFinish(e, mlflow.RunKilled)
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{
		Model: "iris", Algorithm: model.LogisticRegression,
		Search: searchOf(t, `{"method":"grid","space":{"l2":`+values(30)+`}}`),
	})
	last := e.last(t)
	if last.Search == nil {
		t.Fatalf("status %+v, want the search in it", last)
	}
	if got, want := shape(workflows.NewLeaderboard(*last.Search, last.Trials)), "trial-1 1 done, 29 stopped"; got != want {
		t.Errorf("leaderboard of %s, want %s", got, want)
	}
}

func TestLeaderboard_withoutTrials(t *testing.T) {
	e := newEnvironment(t)
	onTraining(e)
	onKept(e)
	onFinish(e, mlflow.RunFinished)
	e.result(t, workflows.TrainingInput{Model: "iris", Algorithm: model.GBDT})
	if b := e.leaderboard(t); b.Method != "" || len(b.Trials) != 0 {
		t.Errorf("leaderboard %+v, want none", b)
	}
}

// leaderboard queries the workflow.
func (e *environment) leaderboard(t *testing.T) (b workflows.Leaderboard) {
	t.Helper()
	value, err := e.QueryWorkflow(workflows.LeaderboardQuery)
	if err != nil {
		t.Fatal(err)
	}
	if err := value.Get(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

// shape lists the ranked trials, and the states of the others with their number.
func shape(b workflows.Leaderboard) string {
	var parts []string
	var state workflows.TrialState
	count := 0
	flush := func() {
		if count > 0 {
			parts = append(parts, fmt.Sprint(count, " ", state))
		}
		count = 0
	}
	for _, trial := range b.Trials {
		if trial.Rank > 0 {
			parts = append(parts, fmt.Sprint(trial.Name, " ", trial.Rank, " ", trial.State))
			continue
		}
		if trial.State != state {
			flush()
		}
		state = trial.State
		count++
	}
	flush()
	return strings.Join(parts, ", ")
}
