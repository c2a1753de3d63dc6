package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/search"
	"iris/model"
)

// changeEnsemble is the change that auto combines the trials of its last round.
const changeEnsemble = "auto-combines-trials"

// maxHeldOut limits the predictions that a trial keeps, in probabilities of 4 bytes. All trials are read together.
const maxHeldOut = 2e6

// combine compares the best trial of the last round with an ensemble. It returns nil if there is nothing to combine, or
// if the comparison fails, which is a warning: the best single trial remains.
func (s *trials) combine(ctx workflow.Context, chosen search.Trial) (*search.Combined, error) {
	var held []activities.HeldTrial
	decided := false // by the round whose trials keep predictions
	for i, t := range s.all {
		if ref := s.tried[i].HeldOut; ref != nil && t.Score != nil {
			held = append(held, activities.HeldTrial{Trial: t, HeldOut: *ref})
			decided = decided || t.Name == chosen.Name
		}
	}
	if len(held) < 2 || !decided {
		return nil, nil
	}
	s.logf(ctx, "combine %d trials", len(held))
	var combined search.Combined
	base := model.Spec{Seed: s.spec.Seed, ClassWeight: s.spec.ClassWeight}
	computing := withOptions(ctx, compute, "combine the trials")
	err := workflow.ExecuteActivity(computing, s.acts.CombineTrials, activities.CombineTrialsInput{
		Trials: held, Metric: s.Metric, Base: base,
	}).Get(ctx, &combined)
	switch {
	case err == nil:
		return &combined, nil
	case temporal.IsCanceledError(err):
		return nil, err
	}
	s.warn(ctx, "the trials were not combined, so the best single one is fitted", err)
	return nil, nil
}

// combinedScores returns the scores of an ensemble on rows that had no part in its choice, for MLflow. best is its best
// member's.
func combinedScores(best model.Validated, metric search.Metric, c search.Combined) model.Validated {
	v := model.Validated{Fits: best.Fits, Folds: best.Folds, Scores: map[string]model.Score{}}
	if c.Temperature != 1 {
		v.Scores[string(search.LogLoss)] = model.Score{Mean: c.Calibration.After}
	}
	if c.Picks != nil && (metric != search.LogLoss || c.Temperature == 1) {
		v.Scores[string(metric)] = model.Score{Mean: c.Ensemble.After}
	}
	return v
}
