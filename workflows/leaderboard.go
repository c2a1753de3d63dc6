package workflows

import (
	"cmp"
	"slices"

	"iris/internal/search"
	"iris/model"
)

// Leaderboard is the answer to the query "leaderboard": the trials of a training so far.
type Leaderboard struct {
	Method   search.Method `json:"method" doc:"How the training finds its spec."` // "" if the training runs no trials
	Metric   search.Metric `json:"metric" doc:"What trials are ranked by."`
	Total    int           `json:"total" doc:"Trials that are planned."`
	Done     int           `json:"done" doc:"Trials that have ended, with a score or without."`
	Failed   int           `json:"failed"`
	TimeOver bool          `json:"time_over,omitempty" doc:"max_runtime_seconds ended the trials, so another run may choose otherwise."`
	Chosen   string        `json:"chosen,omitempty" doc:"The name of the trial whose spec is fitted, or ensemble."`
	Trials   []BoardTrial  `json:"trials" nullable:"false"`
}

// BoardTrial is a trial on a leaderboard.
type BoardTrial struct {
	Rank  int        `json:"rank,omitempty" doc:"From 1. Trials on more rows come first, and then those with the better score. Absent without a score."`
	State TrialState `json:"state" enum:"waiting,running,done,failed,stopped"`
	search.Trial
}

// TrialState is how far a trial is.
type TrialState string

// The states of a trial.
const (
	TrialWaiting TrialState = "waiting" // for a worker
	TrialRunning TrialState = "running"
	TrialDone    TrialState = "done"
	TrialFailed  TrialState = "failed"
	TrialStopped TrialState = "stopped" // without a score, because the time was over or the task was cancelled
)

// NewLeaderboard ranks the trials of a search that has ended.
func NewLeaderboard(of SearchProgress, trials []search.Trial) Leaderboard {
	b := leaderboardOf(of, trials, nil)
	for i := range b.Trials {
		if t := &b.Trials[i]; t.State == TrialWaiting || t.State == TrialRunning {
			t.State = TrialStopped
		}
	}
	return b
}

// ResultBoard returns the leaderboard of a result.
func ResultBoard(r SearchResult) Leaderboard {
	b := NewLeaderboard(r.SearchProgress, r.Trials)
	switch {
	case r.Ensemble != nil && r.Ensemble.Spec.Algorithm == model.Ensemble:
		b.Chosen = string(model.Ensemble)
	case r.Best != nil:
		b.Chosen = r.Best.Name
	}
	return b
}

// leaderboardOf ranks trials. given says which of them workers have been given.
func leaderboardOf(of SearchProgress, trials []search.Trial, given []bool) Leaderboard {
	b := Leaderboard{
		Method: of.Method, Metric: of.Metric, Total: max(of.Total, len(trials)), Done: of.Done, Failed: of.Failed,
		TimeOver: of.TimeOver, Trials: make([]BoardTrial, 0, len(trials)),
	}
	ranked := search.Rank(trials, of.Metric)
	slices.SortStableFunc(ranked, func(a, b search.Trial) int { return cmp.Compare(b.Rows, a.Rows) })
	for i, t := range ranked {
		b.Trials = append(b.Trials, BoardTrial{Rank: i + 1, State: TrialDone, Trial: t})
	}
	states := make(map[TrialState][]BoardTrial)
	for i, t := range trials {
		if t.Score == nil {
			state := stateOfTrial(t, given != nil && given[i])
			states[state] = append(states[state], BoardTrial{State: state, Trial: t})
		}
	}
	for _, state := range []TrialState{TrialRunning, TrialWaiting, TrialFailed, TrialStopped} {
		b.Trials = append(b.Trials, states[state]...)
	}
	return b
}

// stateOfTrial returns the state of a trial without a score.
func stateOfTrial(t search.Trial, given bool) TrialState {
	switch {
	case t.Stopped:
		return TrialStopped
	case t.Error != "":
		return TrialFailed
	case given:
		return TrialRunning
	}
	return TrialWaiting
}

// leaderboard answers the query.
func (t *training) leaderboard() (Leaderboard, error) {
	if t.trials == nil {
		return leaderboardOf(SearchProgress{Method: t.in.method(), Metric: t.in.metric()}, nil, nil), nil
	}
	if r := t.result.Search; r != nil {
		return ResultBoard(*r), nil
	}
	return leaderboardOf(t.trials.SearchProgress, t.trials.all, t.trials.given), nil
}
