package report_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"iris/internal/dataset"
	"iris/internal/report"
	"iris/model"
)

// fitted returns a model, the rows it was fitted on, and its metrics on them.
func fitted(t *testing.T) (*model.Model, *dataset.Table, model.Metrics) {
	t.Helper()
	table := &dataset.Table{
		Schema: dataset.Schema{Features: []string{"a", "b"}, Label: "class", Classes: []string{"x", "y"}},
	}
	for i := range 40 {
		row := []float64{float64(i), float64(i % 7)}
		table.X, table.Y = append(table.X, row...), append(table.Y, i/20)
	}
	m, err := model.Train(t.Context(), table, model.Spec{Algorithm: model.LogisticRegression, Seed: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := model.Evaluate(m, table)
	if err != nil {
		t.Fatal(err)
	}
	return m, table, metrics
}

// What cannot be drawn is left out, and named. The rest is there.
func TestDraw(t *testing.T) {
	m, table, metrics := fitted(t)
	whole, failed, err := report.Draw(t.Context(), m, metrics, table, 1)
	if err != nil || len(failed) != 0 {
		t.Fatalf("failed %v, error %v, want neither", failed, err)
	}
	broken := metrics
	broken.Accuracy = math.NaN() // JSON has no NaN
	files, failed, err := report.Draw(t.Context(), m, broken, table, 1)
	if err != nil || len(failed) != 1 || failed["metrics.json"] == nil {
		t.Fatalf("failed %v, error %v, want metrics.json to fail", failed, err)
	}
	for name := range whole {
		if _, drawn := files[name]; drawn != (name != "metrics.json") {
			t.Errorf("%s was drawn: %t", name, drawn)
		}
	}
	for _, want := range []string{"confusion_matrix.png", "importance.png", "importance.csv"} {
		if len(files[want]) == 0 {
			t.Errorf("no %s", want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := report.Draw(ctx, m, metrics, table, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}

// The package that draws panics on what it cannot place.
func TestDraw_panics(t *testing.T) {
	m, table, metrics := fitted(t)
	metrics.Confusion = metrics.Confusion[:1]
	files, failed, err := report.Draw(t.Context(), m, metrics, table, 1)
	if err != nil || len(failed) != 1 || failed["confusion matrix"] == nil || len(files) == 0 {
		t.Errorf("failed %v, error %v, want the confusion matrix to fail alone", failed, err)
	}
}
