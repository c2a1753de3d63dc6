package search

import (
	"bytes"
	"encoding/json"
	"slices"

	"iris/model"
)

// Trial is one spec and the result of trying it.
type Trial struct {
	Name            string          `json:"name"`
	Algorithm       model.Algorithm `json:"algorithm"`
	Hyperparameters json.RawMessage `json:"hyperparameters"`
	RunID           string          `json:"run_id,omitempty"` // in MLflow, a child of the training's run
	Rows            int             `json:"rows,omitempty"`   // that the trial used
	Fits            int             `json:"fits,omitempty"`
	Score           *model.Score    `json:"score,omitempty"`    // in the metric of the search; nil if the trial failed
	Accuracy        *model.Score    `json:"accuracy,omitempty"` // nil if the trial failed, or is one of an older version
	Seconds         float64         `json:"seconds,omitempty"`  // of computing
	Error           string          `json:"error,omitempty"`    // why the trial failed
	Stopped         bool            `json:"stopped,omitempty"`  // it has no score because the time was over

	validated model.Validated // of a trial that did not fail
}

// Succeed sets what a successful trial knows. The score is that of the metric of the search.
func (t *Trial) Succeed(v model.Validated, metric Metric) {
	t.Fits, t.Score, t.validated = v.Fits, new(v.Scores[string(metric)]), v
	if accuracy, measured := v.Scores[string(Accuracy)]; measured {
		t.Accuracy = &accuracy
	}
}

// Spec returns the spec of the trial. Base supplies what all trials of a training share: the seed and the class weight.
func (t Trial) Spec(base model.Spec) model.Spec {
	return model.Spec{
		Algorithm:       t.Algorithm,
		Hyperparameters: t.Hyperparameters,
		Seed:            base.Seed,
		ClassWeight:     base.ClassWeight,
	}
}

// sameSpec reports whether both trials try the same spec.
func (t Trial) sameSpec(o Trial) bool {
	return t.Algorithm == o.Algorithm && bytes.Equal(t.Hyperparameters, o.Hyperparameters)
}

// Rank returns the trials that have a score, best first. Trials with equal scores keep their order.
func Rank(trials []Trial, metric Metric) []Trial {
	scored := slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return t.Score == nil })
	slices.SortStableFunc(scored, func(a, b Trial) int {
		switch {
		case metric.better(a.Score.Mean, b.Score.Mean):
			return -1
		case metric.better(b.Score.Mean, a.Score.Mean):
			return 1
		}
		return 0
	})
	return scored
}
