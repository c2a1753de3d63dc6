package model

import (
	"math"

	"iris/internal/dataset"
)

// trainingLoss is the mean log loss of s, prepared, over the rows of t, or over most of them, evenly spaced, when there
// are more. It is what a learner reports that doesn't compute a loss as it goes.
func trainingLoss(s scorer, t *dataset.Table, most int) float64 {
	rows := min(len(t.Y), most)
	p, sum := make([]float64, len(t.Schema.Classes)), 0.0
	for i := range rows {
		r := i * len(t.Y) / rows
		s.score(t.Row(r), p)
		sum -= math.Log(max(p[t.Y[r]], minProbability))
	}
	return sum / float64(rows)
}
