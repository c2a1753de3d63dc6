//go:build bench

package workflows_test

import (
	"bytes"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/model"
	"iris/workflows"
)

// TestAuto_nested measures what auto is worth on rows that had no part in its choice: on each of the given folds it
// chooses
// by cross-validation within the other four, is fitted on them and asked about the fold. Beside it is every family.
func TestAuto_nested(t *testing.T) {
	for name, csv := range map[string][]byte{"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast_cancer": datasettest.BreastCancer()} {
		t.Run(name, func(t *testing.T) {
			table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			total := map[model.Algorithm]*model.Metrics{}
			add := func(as, fitted model.Algorithm, train, test *dataset.Table) {
				m, err := model.Train(t.Context(), train, model.Spec{Algorithm: fitted, Seed: workflows.DefaultSeed}, nil)
				if err != nil {
					t.Fatal(err)
				}
				metrics, err := model.Evaluate(m, test)
				if err != nil {
					t.Fatal(err)
				}
				if total[as] == nil {
					total[as] = new(model.Metrics)
				}
				total[as].Accuracy += metrics.Accuracy / 5
				total[as].LogLoss += metrics.LogLoss / 5
			}
			folds := datasettest.Folds(name)
			for out := range 5 {
				var rows [2][]int // to fit, to ask about
				for row, fold := range folds {
					if fold == out {
						rows[1] = append(rows[1], row)
					} else {
						rows[0] = append(rows[0], row)
					}
				}
				train, test := table.Subset(rows[0]), table.Subset(rows[1])
				for _, algorithm := range model.Algorithms() {
					add(algorithm, algorithm, train, test)
				}
				picked := choice(t, train)
				t.Logf("fold %d: %s", out, picked)
				add("auto", picked, train, test)
			}
			for algorithm, metrics := range total {
				t.Logf("%-20s accuracy %.4f, log loss %.4f", algorithm, metrics.Accuracy, metrics.LogLoss)
			}
		})
	}
}

// choice is the family that auto takes for these rows.
func choice(t *testing.T, rows *dataset.Table) model.Algorithm {
	t.Helper()
	cv := model.CrossValidation{Folds: workflows.DefaultCVFolds, Repeats: 1, Seed: workflows.DefaultSeed}
	var tried []workflows.Trial
	for _, algorithm := range model.Candidates(rows.Rows()) {
		v, err := model.CrossValidate(
			t.Context(),
			rows,
			model.Spec{Algorithm: algorithm, Seed: workflows.DefaultSeed},
			cv,
			nil,
		)
		if err != nil {
			t.Fatal(err)
		}
		score := v.Scores[string(workflows.LogLoss)]
		tried = append(tried, workflows.Trial{Name: string(algorithm), Algorithm: algorithm, Fits: v.Fits, Score: &score})
	}
	picked, _ := workflows.Cheapest(workflows.Ranked(tried, workflows.LogLoss))
	return picked.Algorithm
}
