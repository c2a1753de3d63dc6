package model

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// TestGBDT_byHand boosts one round of stumps on two classes. Every row has p = 1/2, so the first derivatives are ±1/2
// and the second ones 1/4. A leaf of two equal rows then has the value ±1/(1/2 + l2).
func TestGBDT_byHand(t *testing.T) {
	data := table([]int{0, 0, 1, 1}, []float64{1, 0}, []float64{2, 0}, []float64{3, 0}, []float64{4, 0})
	h := `{"n_rounds":1,"learning_rate":1,"l2":0.5,"min_rows_leaf":1,"num_leaves":2,"feature_share":1}`
	m := train(t, data, Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(h)})
	g := m.scorer.(*gbdt)
	if g.Base[0] != 0 || len(g.Values) != 2 || math.Abs(g.Values[0]+1) > 1e-8 || math.Abs(g.Values[1]-1) > 1e-8 {
		t.Errorf("base %v and values %v, want 0, -1 and 1", g.Base, g.Values)
	}
	g.Trees.Visit(func(_, _ int, s tree.Split, _, _ int) {
		if s != (tree.Split{Feature: 0, Threshold: 2.5}) {
			t.Errorf("split %+v, want feature 0 at 2.5", s)
		}
	}, func(int, int, int) {})
	if g.Trees.Nodes() != 3 {
		t.Errorf("%d nodes, want one split and two leaves", g.Trees.Nodes())
	}
	p := make([]float64, 2)
	m.Predict([]float64{9, 9}, p)
	if math.Abs(p[1]-1/(1+math.Exp(-1))) > 1e-8 {
		t.Errorf("probabilities %v, want the logistic function of 1", p)
	}
}

func TestGBDT_sameBytesManyRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	data := noise(9000, 12, 3, .5)
	for _, hyperparameters := range []string{
		`{"n_rounds":4}`,
		`{"n_rounds":4,"row_share":0.7,"feature_share":0.6,"max_depth":4}`,
	} {
		s := Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(hyperparameters), Seed: 5}
		first := encode(t, train(t, data, s))
		for _, procs := range []int{1, 2, 3} {
			runtime.GOMAXPROCS(procs)
			if !bytes.Equal(encode(t, train(t, data, s)), first) {
				t.Errorf("%s: with GOMAXPROCS %d the model differs", hyperparameters, procs)
			}
		}
		if s.Seed = 6; bytes.Equal(encode(t, train(t, data, s)), first) {
			t.Errorf("%s: another seed draws the same", hyperparameters)
		}
	}
}

// TestGBDT_earlyStopping trains on noise, where the first rounds already overfit.
func TestGBDT_earlyStopping(t *testing.T) {
	data := noise(minStoppingRows, 4, 3, 0)
	tests := []struct {
		name, hyperparameters string
		low, high             int // trees, three per round
	}{
		{"stops", `{"early_stopping_rounds":3}`, 3, 30},
		{"off", `{"early_stopping_rounds":0}`, 180, 180},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(test.hyperparameters)})
			g := m.scorer.(*gbdt)
			if n := g.Trees.Len(); n < test.low || n > test.high || n%3 != 0 {
				t.Errorf("%d trees, want %d to %d", n, test.low, test.high)
			}
			used := make([]bool, len(g.Values))
			g.Trees.Visit(
				func(_, _ int, _ tree.Split, _, _ int) {},
				func(_, _, number int) { used[number] = true },
			)
			if l := slices.Index(used, false); l >= 0 {
				t.Errorf("value %d belongs to no leaf", l)
			}
		})
	}
}

// newTestBooster returns a booster of data in which all classes weigh 1.
func newTestBooster(t *testing.T, data *dataset.Table, h gbdtSettings) *booster {
	t.Helper()
	b, err := tree.NewBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return newBooster(data, b, 1, h, classWeights(data, false))
}

func TestBooster_divide(t *testing.T) {
	data := noise(minStoppingRows, 1, 4, 0)
	o := newTestBooster(t, data, gbdtSettings{StoppingRounds: 5, Validation: .25, NumLeaves: 2})
	seen, byClass := make([]int, data.Rows()), make([]int, 4)
	for _, r := range o.validation {
		seen[r]++
		byClass[data.Y[r]]++
	}
	for _, r := range o.training {
		seen[r]++
	}
	for r, n := range seen {
		if n != 1 {
			t.Fatalf("row %d is in %d parts, want one", r, n)
		}
	}
	if !reflect.DeepEqual(byClass, []int{125, 125, 125, 125}) {
		t.Errorf("validation rows by class %v, want a quarter of each", byClass)
	}
}

// TestGBDT_nothingToLearn has constant features: no tree has a split, so boosting ends after one round and predicts the
// shares of the classes.
func TestGBDT_nothingToLearn(t *testing.T) {
	rows := make([][]float64, 40)
	y := make([]int, len(rows))
	for r := range rows {
		rows[r] = []float64{7, 8}
		y[r] = min(r%4, 2)
	}
	m := train(t, table(y, rows...), Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(`{"feature_share":1}`)})
	p := make([]float64, 3)
	m.Predict(rows[0], p)
	trees := m.scorer.(*gbdt).Trees.Len()
	if math.Abs(p[2]-.5) > 1e-12 || math.Abs(p[0]-.25) > 1e-12 || trees != 3 {
		t.Errorf("probabilities %v from %d trees, want the shares .25 .25 .5 and one round", p, trees)
	}
}

func TestGBDTPrepare(t *testing.T) {
	good := func() *gbdt { return &gbdt{Base: []float64{0}, Trees: *twoTrees(t), Values: make([]float64, 21)} }
	checkPrepare(t, good, 2, 2, []badScorer[*gbdt]{
		{"nothing", func(m *gbdt) { *m = gbdt{} }, "0 base scores"},
		{"base NaN", func(m *gbdt) { m.Base[0] = math.NaN() }, "base 0 is NaN"},
		{"value too high", func(m *gbdt) { m.Values[4] = 1e200 }, "leaf 4"},
		{"a value too few", func(m *gbdt) { m.Values = m.Values[1:] }, "leaf 20 of 20"},
	})
	checkRefused(t, good, 2, 3, []badScorer[*gbdt]{
		{"a base too few", func(*gbdt) {}, "1 base scores"},
		{"half a round", func(m *gbdt) { m.Base = make([]float64, 3) }, "2 trees for 3 classes"},
	})
}
