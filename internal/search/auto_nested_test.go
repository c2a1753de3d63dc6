//go:build bench

package search

import (
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/model"
)

// TestAuto_nested measures auto on rows that had no part in its choice. For each of the given folds, auto chooses a
// family by cross-validation on the other four, fits it on them and is evaluated on the fold. Every family is measured
// beside it.
func TestAuto_nested(t *testing.T) {
	for name, csv := range given() {
		t.Run(name, func(t *testing.T) {
			table := read(t, csv, dataset.ScanOptions{})
			total := map[model.Algorithm]*model.Metrics{}
			add := func(as model.Algorithm, metrics model.Metrics) {
				if total[as] == nil {
					total[as] = new(model.Metrics)
				}
				total[as].Accuracy += metrics.Accuracy / 5
				total[as].LogLoss += metrics.LogLoss / 5
			}
			for out := range 5 {
				train, test := leaveOut(table, datasettest.Folds(name), out)
				for _, algorithm := range model.Algorithms() {
					add(algorithm, fit(t, algorithm, train, test))
				}
				picked := autoSpec(t, train).Algorithm
				t.Logf("fold %d: %s", out, picked)
				add(Auto, fit(t, picked, train, test))
			}
			for algorithm, metrics := range total {
				t.Logf("%-20s accuracy %.4f, log loss %.4f", algorithm, metrics.Accuracy, metrics.LogLoss)
			}
		})
	}
}
