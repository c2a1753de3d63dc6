package model

import "iris/internal/dataset"

// classWeight is the hyperparameter that the learners of trees share: with balanced, every class counts the same in
// training, however few its rows.
var classWeight = choice("class_weight", "none", "none", "balanced").
	means("With balanced every class counts the same in training, however few its rows; with none every row does.")

// classWeights returns what a row of each class counts: 1, or, when balanced, rows/(classes that occur · rows of the
// class), scikit-learn's formula, so that all rows together count as many as they are. A class without rows has 1.
func classWeights(t *dataset.Table, balanced bool) []float64 {
	weights, rows := make([]float64, len(t.Schema.Classes)), make([]int, len(t.Schema.Classes))
	present := 0
	for _, y := range t.Y {
		if rows[y]++; rows[y] == 1 {
			present++
		}
	}
	for k, n := range rows {
		weights[k] = 1
		if balanced && n > 0 {
			weights[k] = float64(len(t.Y)) / (float64(present) * float64(n))
		}
	}
	return weights
}
