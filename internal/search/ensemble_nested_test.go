//go:build bench

package search

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/partition"
	"iris/model"
)

// TestCombine_nested measures Combine on rows that had no part in any choice. For each of five folds, the families of
// auto are cross-validated on the other four, and what auto alone chooses and what Combine chooses are fitted on them
// and evaluated on the fold. COMBINE_TABLES adds CSV files, such as those that bench/tables.py writes.
func TestCombine_nested(t *testing.T) {
	for name, csv := range given() {
		t.Run(name, func(t *testing.T) {
			nested(t, read(t, csv, dataset.ScanOptions{}), datasettest.Folds(name))
		})
	}
	for _, path := range filepath.SplitList(os.Getenv("COMBINE_TABLES")) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".csv"), func(t *testing.T) {
			csv, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			table := read(t, csv, dataset.ScanOptions{})
			folds := make([]int, table.Rows())
			for fold, rows := range partition.Folds(table, 5, seed) {
				for _, r := range rows {
					folds[r] = fold
				}
			}
			nested(t, table, folds)
		})
	}
}

// nested logs the metrics of both choices.
func nested(t *testing.T, table *dataset.Table, folds []int) {
	t.Helper()
	single, combined := new(model.Metrics), new(model.Metrics)
	var before, after []float64
	for out := range 5 {
		train, test := leaveOut(table, folds, out)
		chosen, c := combineFamilies(t, train)
		t.Logf("fold %d: auto takes %s; Combine: %s", out, chosen.Algorithm, c.Reason)
		before = append(before, fitSpec(t, chosen, train, test, single))
		after = append(after, fitSpec(t, c.Spec, train, test, combined))
	}
	for of, m := range map[string]*model.Metrics{"auto": single, "Combine": combined} {
		t.Logf("%-8s log loss %.4f, accuracy %.4f, ece %.4f", of, m.LogLoss, m.Accuracy, m.ECE)
	}
	t.Logf("the difference of the log loss is %.4f ± %.4f", combined.LogLoss-single.LogLoss,
		compare(before, after, LogLoss).Error)
}

// combineFamilies cross-validates the families of auto. It returns the spec that auto chooses, and what Combine does.
func combineFamilies(t *testing.T, rows *dataset.Table) (model.Spec, Combined) {
	t.Helper()
	base := model.Spec{Seed: seed}
	size := AutoSize{Rows: rows.Rows(), Train: rows.Rows(), Classes: len(rows.Schema.Classes)}
	plan := PlanSpecs(AutoMethod, base, AutoSpecs(base, size))
	round := plan.Round()
	var predicted []Predicted
	for i, spec := range round.Specs {
		cv := model.CrossValidation{Folds: DefaultCVFolds, Repeats: 1, Seed: seed}
		v, held, err := model.CrossValidateHolding(t.Context(), rows, spec, cv, nil)
		if err != nil {
			t.Fatal(err)
		}
		round.Trials[i].Succeed(v, LogLoss)
		predicted = append(predicted, Predicted{Trial: round.Trials[i], P: held.P, Fold: held.Fold})
	}
	plan.Next(round.Trials)
	chosen, _ := plan.Choose()
	c, err := Combine(predicted, rows.Y, len(rows.Schema.Classes), LogLoss, base)
	if err != nil {
		t.Fatal(err)
	}
	return chosen.Spec(base), c
}

// fitSpec adds a fifth of the metrics of a spec to total, and returns its log loss.
func fitSpec(t *testing.T, s model.Spec, train, test *dataset.Table, total *model.Metrics) float64 {
	t.Helper()
	m, err := model.Train(t.Context(), train, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := model.Evaluate(m, test)
	if err != nil {
		t.Fatal(err)
	}
	total.Accuracy += metrics.Accuracy / 5
	total.LogLoss += metrics.LogLoss / 5
	total.ECE += metrics.ECE / 5
	return metrics.LogLoss
}
