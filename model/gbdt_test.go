package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestGBDT_byHand: one round of stumps on two classes. Every row has p = 1/2, so first derivatives of ±1/2 and second
// ones of 1/4: a leaf of two equal rows is worth 1/(1/2 + l2).
func TestGBDT_byHand(t *testing.T) {
	data := table([]int{0, 0, 1, 1}, []float64{1, 0}, []float64{2, 0}, []float64{3, 0}, []float64{4, 0})
	m := train(
		t,
		data,
		Spec{
			Algorithm: GBDT,
			Hyperparameters: json.RawMessage(
				`{"n_rounds":1,"learning_rate":1,"l2":0.5,"min_rows_leaf":1,"num_leaves":2,"feature_share":1}`,
			),
		},
	)
	g := m.scorer.(*gbdt)
	if g.Base[0] != 0 || len(g.Values) != 2 || math.Abs(g.Values[0]+1) > 1e-8 || math.Abs(g.Values[1]-1) > 1e-8 {
		t.Errorf("base %v and values %v, want 0, -1 and 1", g.Base, g.Values)
	}
	if n := g.Trees.nodes[0]; n.feature != 0 || n.threshold != 2.5 {
		t.Errorf("split %+v, want feature 0 at 2.5", n)
	}
	p := make([]float64, 2)
	m.Predict([]float64{9, 9}, p)
	if math.Abs(p[1]-1/(1+math.Exp(-1))) > 1e-8 {
		t.Errorf("probabilities %v, want the logistic function of 1", p)
	}
}

// TestBoostGrower_asExhaustive compares the root's split with the best of all thresholds, in floating point.
func TestBoostGrower_asExhaustive(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 40 {
		data := noise(30+random.IntN(60), 3, 2, 0)
		g, gradients, rows := boostSetup(t, data.Rows(), 3, random)
		g.maxLeaves = 2
		b, err := newBins(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		g.bins = b
		tree := g.grow(rows, gradients, []int{0, 1, 2})
		gain := func(left bool, f int, threshold float64) (score float64, n int) {
			first, second := 0.0, 0.0
			for r := range gradients {
				if data.Row(r)[f] < threshold == left {
					first += float64(gradients[r].first) / (1 << firstBits)
					second += float64(gradients[r].second) * g.unit2
					n++
				}
			}
			return first * first / (second + g.l2), n
		}
		best, feature, at := 0.0, -1, 0.0
		for f := range 3 {
			for bin := range b.values(f) - 1 {
				threshold := b.threshold(f, bin, bin+1)
				left, n := gain(true, f, threshold)
				right, m := gain(false, f, threshold)
				if n >= g.minRows && m >= g.minRows && left+right > best {
					best, feature, at = left+right, f, threshold
				}
			}
		}
		if n := tree.nodes[0]; int(n.feature) != feature || n.threshold != at {
			t.Fatalf("round %d: split %+v, want feature %d at %v", round, n, feature, at)
		}
	}
}

// boostSetup makes a grower without bins and gradients as a boosting round would have them.
func boostSetup(t *testing.T, rows, features int, random *rand.Rand) (*boostGrower, []gradient, []uint32) {
	t.Helper()
	g := newBoostGrower(&bins{columns: make([][]uint8, features)}, 31)
	scale := float64(int(1) << secondBits(rows))
	g.minRows, g.maxDepth, g.minSecond, g.l2, g.unit1, g.unit2 = 4, -1, 1e-3, 1, 1./(1<<firstBits), 1/scale
	gradients, order := make([]gradient, rows), make([]uint32, rows)
	for r := range gradients {
		p := random.Float64()
		gradients[r] = gradient{int32((p - float64(random.IntN(2))) * (1 << firstBits)), uint32(p * (1 - p) * scale)}
		order[r] = uint32(r)
	}
	return g, gradients, order
}

// TestBoostGrower_fewHistograms: leaves that keep no histogram, for lack of memory, give the same tree.
func TestBoostGrower_fewHistograms(t *testing.T) {
	data := noise(4000, 5, 2, .3)
	b, err := newBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	var want *grown
	for _, limit := range []int{31, 3, 1} {
		g, gradients, rows := boostSetup(t, data.Rows(), 5, rand.New(rand.NewPCG(1, 1)))
		g.bins, g.pool.limit = b, limit
		for range 2 { // the second tree uses what the first gave back
			tree := g.grow(rows, gradients, []int{0, 1, 2, 3, 4})
			if want == nil {
				want = tree
			}
			if len(tree.nodes) != 61 {
				t.Fatalf("%d nodes, want 31 leaves", len(tree.nodes))
			}
			if fmt.Sprint(*tree) != fmt.Sprint(*want) {
				t.Errorf("with %d histograms the tree differs", limit)
			}
		}
		if g.pool.made > limit {
			t.Errorf("%d histograms made, want at most %d", g.pool.made, limit)
		}
	}
}

func TestGBDT_sameBytesManyRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	data := noise(9000, 12, 3, .5)
	for _, hyperparameters := range []string{`{"n_rounds":4}`, `{"n_rounds":4,"row_share":0.7,"feature_share":0.6,"max_depth":4}`} {
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

// TestGBDT_earlyStopping: on noise the first rounds already learn what isn't there.
func TestGBDT_earlyStopping(t *testing.T) {
	data := noise(minStoppingRows, 4, 3, 0)
	tests := []struct {
		name, hyperparameters string
		low, high             int // trees, three a round
	}{
		{"stops", `{"early_stopping_rounds":3}`, 3, 30},
		{"off", `{"early_stopping_rounds":0}`, 180, 180},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(test.hyperparameters)})
			g := m.scorer.(*gbdt)
			if n := len(g.Trees.roots); n < test.low || n > test.high || n%3 != 0 {
				t.Errorf("%d trees, want %d to %d", n, test.low, test.high)
			}
			used := make([]bool, len(g.Values))
			for _, l := range g.Trees.leaf {
				if l >= 0 {
					used[l] = true
				}
			}
			for l, u := range used {
				if !u {
					t.Fatalf("value %d belongs to no leaf", l)
				}
			}
		})
	}
}

func TestBooster_divide(t *testing.T) {
	data := noise(minStoppingRows, 1, 4, 0)
	var h gbdtSettings
	h.StoppingRounds, h.Validation, h.NumLeaves = 5, .25, 2
	b, err := newBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	o := newBooster(data, b, 1, h, classWeights(data, false))
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

// TestGBDT_nothingToLearn: no tree has a split, so boosting ends after one round, with the classes' shares.
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
	if math.Abs(p[2]-.5) > 1e-12 || math.Abs(p[0]-.25) > 1e-12 || len(m.scorer.(*gbdt).Trees.roots) != 3 {
		t.Errorf(
			"probabilities %v from %d trees, want the shares .25 .25 .5 and one round",
			p,
			len(m.scorer.(*gbdt).Trees.roots),
		)
	}
}

func TestSecondBits(t *testing.T) {
	for rows, want := range map[int]int{1: 30, 150: 30, 1 << 8: 29, 100_000: 21, maxBoostRows: 10} {
		got := secondBits(rows)
		if got != want {
			t.Errorf("%d rows: scale 2^%d, want 2^%d", rows, got, want)
		}
		if sum := uint64(rows) * (1 << got / 4); sum >= 1<<(64-countBits) {
			t.Errorf("%d rows: the sum may be %d, which doesn't fit", rows, sum)
		}
	}
}

func TestGBDTPrepare(t *testing.T) {
	good := func() *gbdt { return &gbdt{Base: []float64{0}, Trees: *twoTrees(t), Values: make([]float64, 21)} }
	if err := good().prepare(2, 2); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	tests := []struct {
		name    string
		classes int
		change  func(*gbdt)
		want    string
	}{
		{"nothing", 2, func(m *gbdt) { *m = gbdt{} }, "0 base scores"},
		{"a base too few", 3, func(*gbdt) {}, "1 base scores"},
		{"half a round", 3, func(m *gbdt) { m.Base = make([]float64, 3) }, "2 trees for 3 classes"},
		{"base NaN", 2, func(m *gbdt) { m.Base[0] = math.NaN() }, "base 0 is NaN"},
		{"value too high", 2, func(m *gbdt) { m.Values[4] = 1e200 }, "leaf 4"},
		{"a value too few", 2, func(m *gbdt) { m.Values = m.Values[1:] }, "leaf 20 of 20"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := good()
			test.change(m)
			if err := m.prepare(2, test.classes); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
