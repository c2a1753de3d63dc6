package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"iris/internal/dataset"
)

// exhaustive grows a tree by trying every threshold between two values of every feature and counting again each time:
// slow, and too simple to be wrong. It writes splits as text, depth first.
func exhaustive(t *dataset.Table, rows []int, entropy bool, minLeaf, depth int) string {
	counts := func(rows []int) []float64 {
		n := make([]float64, len(t.Schema.Classes))
		for _, r := range rows {
			n[t.Y[r]]++
		}
		return n
	}
	table := entropyTable(len(rows)) // whole numbers, so that ties are ties here and there
	purity := func(rows []int) float64 {
		sum, n := 0.0, len(rows)
		for _, c := range counts(rows) {
			if entropy {
				sum += table[int(c)]
			} else {
				sum += c * c
			}
		}
		if entropy {
			return sum - table[n]
		}
		return sum / float64(n)
	}
	leaf := fmt.Sprint(counts(rows))
	if slices.Max(counts(rows)) == float64(len(rows)) || depth == 0 {
		return leaf
	}
	best, bestLeft, bestRight, text := math.Inf(-1), []int(nil), []int(nil), ""
	for f := range t.Schema.Features {
		values := make([]float64, 0, len(rows))
		for _, r := range rows {
			values = append(values, t.Row(r)[f])
		}
		slices.Sort(values)
		values = slices.Compact(values)
		for i := 1; i < len(values); i++ {
			threshold := midpoint(values[i-1], values[i])
			var left, right []int
			for _, r := range rows {
				if t.Row(r)[f] < threshold {
					left = append(left, r)
				} else {
					right = append(right, r)
				}
			}
			if len(left) < minLeaf || len(right) < minLeaf {
				continue
			}
			if p := purity(left) + purity(right); p > best {
				best, bestLeft, bestRight, text = p, left, right, fmt.Sprintf("x%d<%v", f, threshold)
			}
		}
	}
	if text == "" {
		return leaf
	}
	return text + " (" + exhaustive(
		t,
		bestLeft,
		entropy,
		minLeaf,
		depth-1,
	) + ") (" + exhaustive(
		t,
		bestRight,
		entropy,
		minLeaf,
		depth-1,
	) + ")"
}

// treeText writes a tree as exhaustive does.
func treeText(g *grown, counts [][]int, node int32) string {
	if l := g.leaf[node]; l >= 0 {
		return fmt.Sprint(counts[l])
	}
	n := g.nodes[node]
	return fmt.Sprintf(
		"x%d<%v (%s) (%s)",
		n.feature,
		n.threshold,
		treeText(g, counts, n.left),
		treeText(g, counts, n.left+1),
	)
}

func TestClassGrower_asExhaustive(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 60 {
		rows := 2 + random.IntN(100)
		features, classes := 1+random.IntN(4), 2+random.IntN(4)
		x, y := make([][]float64, rows), make([]int, rows)
		for r := range x {
			y[r] = random.IntN(classes)
			for range features {
				x[r] = append(x[r], float64(random.IntN(30))+float64(y[r]*random.IntN(3)))
			}
		}
		y[0], y[1] = 0, 1
		data := table(y, x...)
		entropy, minLeaf, depth := round%2 == 1, 1+round%3, []int{-1, 2, 5}[round/3%3]
		b, err := newBins(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		g := newClassGrower(b, classWeights(data, false))
		g.minLeaf, g.depth = minLeaf, depth
		if entropy {
			g.entropy = entropyTable(rows)
		}
		items, all := make([]item, rows), make([]int, rows)
		for r := range items {
			items[r], all[r] = item{uint32(r), uint32(data.Y[r]), 1}, r
		}
		var counts [][]int
		tree, err := g.grow(t.Context(), items, func(c []int) { counts = append(counts, slices.Clone(c)) })
		if err != nil {
			t.Fatal(err)
		}
		if got, want := treeText(tree, counts, 0), exhaustive(data, all, entropy, minLeaf, depth); got != want {
			t.Fatalf("round %d (entropy %v, %d rows a leaf, depth %d):\n%s, want\n%s", round, entropy, minLeaf, depth, got, want)
		}
	}
}

// TestClassGrower_fillBothWays: few rows of many are counted another way than many.
func TestClassGrower_fillBothWays(t *testing.T) {
	data := noise(3000, 1, 70, 1)
	b, err := newBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	g := newClassGrower(b, classWeights(data, false))
	count := func(rows int) (cells, numbers []uint32) {
		items := make([]item, rows)
		for r := range items {
			items[r] = item{uint32(r), uint32(data.Y[r]), uint32(1 + r%2)}
		}
		g.fill(items, 0)
		for _, c := range g.filled {
			numbers = append(numbers, g.cells[c])
			g.cells[c] = 0
		}
		return slices.Clone(g.filled), numbers
	}
	cells, numbers := count(50)
	want := make(map[uint32]uint32)
	for r := range 50 {
		want[uint32(b.columns[0][r])<<g.shift|uint32(data.Y[r])] += uint32(1 + r%2)
	}
	got := make(map[uint32]uint32)
	for i, c := range cells {
		got[c] = numbers[i]
	}
	if !reflect.DeepEqual(got, want) || !slices.IsSorted(cells) {
		t.Errorf("cells %v, want %v in order", got, want)
	}
	if slices.Max(g.cells) > 0 || slices.Max(g.touched) > 0 || slices.Max(g.words) > 0 {
		t.Error("the buffers aren't clear for the next feature")
	}
}

func TestDecisionTree_manyRows(t *testing.T) {
	data := noise(3*maxExactRows, 6, 3, 1)
	for _, hyperparameters := range []string{`{}`, `{"criterion":"entropy"}`, `{"max_depth":5}`} {
		m := train(t, data, Spec{Algorithm: DecisionTree, Hyperparameters: []byte(hyperparameters)})
		tree := m.scorer.(*decisionTree)
		metrics, err := Evaluate(m, data)
		if err != nil {
			t.Fatal(err)
		}
		if hyperparameters == `{"max_depth":5}` {
			if len(tree.Splits) > 31 || metrics.Accuracy < .6 {
				t.Errorf(
					"%s: %d splits with accuracy %v, want at most 31 and .6 or more",
					hyperparameters,
					len(tree.Splits),
					metrics.Accuracy,
				)
			}
		} else if metrics.Accuracy < .999 {
			t.Errorf("%s: accuracy %v on the training rows, want pure leaves", hyperparameters, metrics.Accuracy)
		}
		if _, err := Decode(encode(t, m)); err != nil {
			t.Error(err)
		}
	}
}

func TestClassGrower_cancelled(t *testing.T) {
	data := noise(3000, 3, 2, 0)
	b, err := newBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	items := make([]item, data.Rows())
	for r, y := range data.Y {
		items[r] = item{uint32(r), uint32(y), 1}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = newClassGrower(b, classWeights(data, false)).grow(ctx, items, func([]int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
