package model

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

// TestDecisionTree_byHand checks a tree that is easy to draw: one split at 2.5, and shares with Laplace smoothing.
func TestDecisionTree_byHand(t *testing.T) {
	data := table([]int{0, 0, 1, 1, 1}, []float64{1}, []float64{2}, []float64{3}, []float64{4}, []float64{5})
	m := train(t, data, Spec{Algorithm: DecisionTree})
	tree := m.scorer.(*decisionTree)
	if want := []treeSplit{{Feature: 0, Threshold: 2.5, Left: ^0, Right: ^1}}; !reflect.DeepEqual(tree.Splits, want) {
		t.Errorf("splits %v, want %v", tree.Splits, want)
	}
	if want := [][]int{{2, 0}, {0, 3}}; !reflect.DeepEqual(tree.Leaves, want) {
		t.Errorf("leaves %v, want %v", tree.Leaves, want)
	}
	tests := []struct {
		name  string
		x     float64
		class int
		p     []float64
	}{
		{"left", 2.4, 0, []float64{3. / 4, 1. / 4}},
		{"on the threshold goes right", 2.5, 1, []float64{1. / 5, 4. / 5}},
		{"far right", math.MaxFloat64, 1, []float64{1. / 5, 4. / 5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := make([]float64, 2)
			if got := m.Predict([]float64{test.x}, p); got != test.class || !reflect.DeepEqual(p, test.p) {
				t.Errorf("class %d with %v, want %d with %v", got, p, test.class, test.p)
			}
		})
	}
}

func TestDecisionTree_maxDepth(t *testing.T) {
	wine := load(t, "wine")
	for _, depth := range []int{1, 2, 3} {
		s := Spec{Algorithm: DecisionTree, Hyperparameters: json.RawMessage(`{"max_depth":` + string(rune('0'+depth)) + `}`)}
		tree := train(t, wine, s).scorer.(*decisionTree)
		if n := len(tree.Splits); n < depth || n > 1<<depth-1 {
			t.Errorf("depth %d: %d splits, want %d to %d", depth, n, depth, 1<<depth-1)
		}
	}
	full := train(t, wine, Spec{Algorithm: DecisionTree}).scorer.(*decisionTree)
	for i, counts := range full.Leaves {
		classes := 0
		for _, n := range counts {
			if n > 0 {
				classes++
			}
		}
		if classes != 1 {
			t.Errorf("leaf %d of the full tree holds rows by class %v, want one class", i, counts)
		}
	}
}

// TestDecisionTree_noSplitHelps has data on which golearn returns a root that predicts class 0 on one side. The model
// must predict the shares of the classes instead.
func TestDecisionTree_noSplitHelps(t *testing.T) {
	tests := []struct {
		name string
		y    []int
		rows [][]float64
		want []int
	}{
		{"constant features", []int{1, 1, 0}, [][]float64{{5}, {5}, {5}}, []int{1, 2}},
		{"constant and below 0", []int{1, 1, 0}, [][]float64{{-5}, {-5}, {-5}}, []int{1, 2}},
		{
			"exclusive or around 0",
			[]int{0, 1, 1, 0, 2, 2, 2, 2},
			[][]float64{{-1, -1}, {-1, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}},
			[]int{2, 2, 4},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, table(test.y, test.rows...), Spec{Algorithm: DecisionTree})
			tree := m.scorer.(*decisionTree)
			if len(tree.Splits) != 0 || !reflect.DeepEqual(tree.Leaves, [][]int{test.want}) {
				t.Errorf("splits %v with leaves %v, want the one leaf %v", tree.Splits, tree.Leaves, test.want)
			}
			best := len(test.want) - 1
			if got := m.Predict(test.rows[0], make([]float64, len(test.want))); got != best {
				t.Errorf("class %d, want %d, the most frequent", got, best)
			}
		})
	}
}

func TestDecisionTree_progress(t *testing.T) {
	wine := load(t, "wine")
	m, reports := trainReported(t, wine, Spec{Algorithm: DecisionTree})
	checkOneReport(t, m, wine, reports)
}

// TestDecisionTree_cancelDuringFit cancels a fit of a second or more. The fit continues, but Train does not wait for
// it.
func TestDecisionTree_cancelDuringFit(t *testing.T) {
	data := noise(3000, 5, 3, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Train(ctx, data, Spec{Algorithm: DecisionTree}, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
	clear(data.X) // the race detector reports it if the fit still reads the table
	clear(data.Y)
}

func TestDecisionTree_manyRows(t *testing.T) {
	data := noise(3*maxExactRows, 6, 3, 1)
	for _, hyperparameters := range []string{`{}`, `{"criterion":"entropy"}`, `{"max_depth":5}`} {
		m := train(t, data, Spec{Algorithm: DecisionTree, Hyperparameters: []byte(hyperparameters)})
		splits := len(m.scorer.(*decisionTree).Splits)
		metrics, err := Evaluate(m, data)
		if err != nil {
			t.Fatal(err)
		}
		if hyperparameters == `{"max_depth":5}` {
			if splits > 31 || metrics.Accuracy < .6 {
				t.Errorf("%s: %d splits with accuracy %v, want at most 31 and at least .6",
					hyperparameters, splits, metrics.Accuracy)
			}
		} else if metrics.Accuracy < .999 {
			t.Errorf("%s: accuracy %v on the training rows, want pure leaves", hyperparameters, metrics.Accuracy)
		}
		if _, err := Decode(encode(t, m)); err != nil {
			t.Error(err)
		}
	}
}

func TestDecisionTreePrepare(t *testing.T) {
	good := func() *decisionTree {
		return &decisionTree{
			Splits: []treeSplit{
				{Feature: 1, Threshold: 3, Left: 1, Right: ^0},
				{Feature: 0, Threshold: -1, Left: ^1, Right: ^2},
			},
			Leaves: [][]int{{1, 2}, {0, 3}, {4, 0}},
		}
	}
	checkPrepare(t, good, 2, 2, []badScorer[*decisionTree]{
		{"nothing", func(m *decisionTree) { *m = decisionTree{} }, "0 leaves for 0 splits"},
		{"a leaf too few", func(m *decisionTree) { m.Leaves = m.Leaves[1:] }, "2 leaves for 2 splits"},
		{"feature too high", func(m *decisionTree) { m.Splits[0].Feature = 2 }, "feature 2 of 2"},
		{"feature below 0", func(m *decisionTree) { m.Splits[1].Feature = -1 }, "feature -1"},
		{"threshold NaN", func(m *decisionTree) { m.Splits[1].Threshold = math.NaN() }, "threshold NaN"},
		{"its own child", func(m *decisionTree) { m.Splits[1].Left = 1 }, "child 1 is out of range"},
		{"a loop", func(m *decisionTree) { m.Splits[1].Left = 0 }, "child 0 is out of range"},
		{"child beyond the splits", func(m *decisionTree) { m.Splits[0].Left = 2 }, "child 2 is out of range"},
		{"child beyond the leaves", func(m *decisionTree) { m.Splits[0].Right = ^3 }, "child -4 is out of range"},
		{"lowest integer", func(m *decisionTree) { m.Splits[0].Right = math.MinInt }, "out of range"},
		{"one leaf, two parents", func(m *decisionTree) { m.Splits[1].Right = ^0 }, "two parents"},
		{"one leaf, twice the same parent", func(m *decisionTree) { m.Splits[1].Right = ^1 }, "two parents"},
		{"count missing", func(m *decisionTree) { m.Leaves[2] = []int{1} }, "1 counts for 2 classes"},
		{"count below 0", func(m *decisionTree) { m.Leaves[2][0] = -1 }, "-1 rows"},
		{"count too high", func(m *decisionTree) { m.Leaves[2][0] = math.MaxInt }, "rows"},
	})
}
