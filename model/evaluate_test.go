package model

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"

	"iris/internal/dataset"
)

func TestRates(t *testing.T) {
	tests := []struct {
		name              string
		confusion         [][]int
		rows              int
		accuracy, macroF1 float64
		classes           []ClassMetrics
	}{
		{
			"by hand",
			[][]int{{3, 1}, {2, 4}},
			10, .7, (6./9 + 8./11) / 2,
			[]ClassMetrics{{"a", 3. / 5, 3. / 4, 6. / 9, 4}, {"b", 4. / 5, 4. / 6, 8. / 11, 6}},
		},
		{
			"all right",
			[][]int{{3, 0}, {0, 1}},
			4, 1, 1,
			[]ClassMetrics{{"a", 1, 1, 1, 3}, {"b", 1, 1, 1, 1}},
		},
		{
			"all wrong",
			[][]int{{0, 2}, {1, 0}},
			3, 0, 0,
			[]ClassMetrics{{"a", 0, 0, 0, 2}, {"b", 0, 0, 0, 1}},
		},
		{
			"a class neither seen nor predicted",
			[][]int{{2, 0}, {0, 0}},
			2, 1, 1,
			[]ClassMetrics{{"a", 1, 1, 1, 2}, {"b", 0, 0, 0, 0}},
		},
		{
			"a class predicted but not seen",
			[][]int{{1, 1}, {0, 0}},
			2, .5, (2. / 3) / 2,
			[]ClassMetrics{{"a", 1, .5, 2. / 3, 2}, {"b", 0, 0, 0, 0}},
		},
		{
			"a class seen but never predicted",
			[][]int{{1, 0}, {1, 0}},
			2, .5, (2. / 3) / 2,
			[]ClassMetrics{{"a", .5, 1, 2. / 3, 1}, {"b", 0, 0, 0, 1}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := rates([]string{"a", "b"}, test.confusion)
			if got.Rows != test.rows || got.Accuracy != test.accuracy || math.Abs(got.MacroF1-test.macroF1) > 1e-15 {
				t.Errorf("rows %d accuracy %v macro F1 %v, want %d %v %v",
					got.Rows, got.Accuracy, got.MacroF1, test.rows, test.accuracy, test.macroF1)
			}
			if !reflect.DeepEqual(got.Classes, test.classes) {
				t.Errorf("classes %v, want %v", got.Classes, test.classes)
			}
		})
	}
}

// fixedModel returns a tree that predicts class 0 below 0 and class 1 from 0 on, with the given counts in its leaves.
func fixedModel(t *testing.T, left, right []int) *Model {
	t.Helper()
	m := &Model{scorer: &decisionTree{Splits: []treeSplit{{Left: ^0, Right: ^1}}, Leaves: [][]int{left, right}}}
	m.schema = table([]int{0, 1, 2}[:len(left)], [][]float64{{0}, {0}, {0}}[:len(left)]...).Schema
	if err := m.scorer.prepare(1, len(left)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEvaluate(t *testing.T) {
	m := fixedModel(t, []int{8, 0}, []int{0, 2}) // .9 .1 and .25 .75
	test := table([]int{0, 0, 1, 1, 1}, []float64{-1}, []float64{1}, []float64{1}, []float64{2}, []float64{-1})
	got, err := Evaluate(m, test)
	if err != nil {
		t.Fatal(err)
	}
	want := -(math.Log(.9) + math.Log(.25) + 2*math.Log(.75) + math.Log(.1)) / 5
	if math.Abs(got.LogLoss-want) > 1e-15 || got.Rows != 5 || got.Accuracy != .6 {
		t.Errorf("log loss %v, accuracy %v of %d rows, want %v and .6 of 5", got.LogLoss, got.Accuracy, got.Rows, want)
	}
	if confusion := [][]int{{1, 1}, {1, 2}}; !reflect.DeepEqual(got.Confusion, confusion) {
		t.Errorf("confusion %v, want %v", got.Confusion, confusion)
	}
}

func TestEvaluate_absentClasses(t *testing.T) {
	m := fixedModel(t, []int{5, 0, 0}, []int{0, 5, 0})
	test := table([]int{0, 0}, []float64{-1}, []float64{-2})
	test.Schema = m.Schema()
	got, err := Evaluate(m, test)
	if err != nil {
		t.Fatal(err)
	}
	if got.Accuracy != 1 || got.MacroF1 != 1 || len(got.Classes) != 3 || got.Classes[2].Support != 0 {
		t.Errorf("got %+v, want 1 for accuracy and macro F1, and all three classes", got)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Errorf("no JSON form, perhaps because of a NaN: %v", err)
	}
}

// TestEvaluate_certainMistake has a model that gives the actual class a probability that rounds to 0.
func TestEvaluate_certainMistake(t *testing.T) {
	m := &Model{
		scorer: &logisticRegression{
			Mean:    []float64{0},
			Scale:   []float64{1},
			Weights: []float64{1, -1},
			Bias:    []float64{0, 0},
		},
	}
	test := table([]int{1}, []float64{1e6})
	m.schema = test.Schema
	if err := m.scorer.prepare(1, 2); err != nil {
		t.Fatal(err)
	}
	got, err := Evaluate(m, test)
	if err != nil || math.Abs(got.LogLoss-15*math.Ln10) > 1e-9 {
		t.Errorf("log loss %v, %v, want 15 ln 10, that of MinProbability", got.LogLoss, err)
	}
}

func TestEvaluate_wrongTable(t *testing.T) {
	m := fixedModel(t, []int{1, 0}, []int{0, 1})
	tests := []struct {
		name   string
		change func(*dataset.Table)
		want   string
	}{
		{"other features", func(t *dataset.Table) { t.Schema.Features = []string{"other"} }, "other features or classes"},
		{"other classes", func(t *dataset.Table) { t.Schema.Classes = []string{"a", "x"} }, "other features or classes"},
		{"no rows", func(t *dataset.Table) { t.X, t.Y = nil, nil }, "no rows"},
		{"a class that does not exist", func(t *dataset.Table) { t.Y[0] = 5 }, "class 5 of 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bad := table([]int{0, 1}, []float64{-1}, []float64{1})
			test.change(bad)
			if _, err := Evaluate(m, bad); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestMetricsFlat(t *testing.T) {
	m := Metrics{
		Accuracy:         .9,
		LogLoss:          .2,
		ECE:              .1,
		MacroF1:          .8,
		AUC:              .7,
		AveragePrecision: .6,
		BalancedAccuracy: .5,
		MCC:              .4,
		Brier:            .3,
	}
	for i, class := range []string{
		"Iris-setosa", "a/b (50 %)", "a_b [50 $]", "..", "", "größe 1.5:x", strings.Repeat("x", 300),
	} {
		m.Classes = append(m.Classes, ClassMetrics{Class: class, Precision: float64(i), Recall: float64(10 + i)})
	}
	want := map[string]float64{
		"accuracy": .9, "ece": .1, "log_loss": .2, "macro_f1": .8,
		"auc": .7, "average_precision": .6, "balanced_accuracy": .5, "mcc": .4, "brier": .3,
	}
	if got := m.Summary(); !maps.Equal(got, want) {
		t.Errorf("Summary() = %v, want %v", got, want)
	}
	for i, name := range []string{
		"Iris-setosa", "a_b _50 __", "a_b _50 ___2", "__", "_", "größe 1.5:x", strings.Repeat("x", 200),
	} {
		want["precision/"+name], want["recall/"+name] = float64(i), float64(10+i)
	}
	if got := m.Flat(); !maps.Equal(got, want) {
		t.Errorf("Flat() = %v, want %v", got, want)
	}
}
