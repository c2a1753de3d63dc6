package tree

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
	"iris/internal/dataset/datasettest"
)

// exhaustive grows a tree by trying every threshold between two values of every feature and counting the rows again
// each time. It is slow, and too simple to be wrong. It returns the tree as text, depth first.
func exhaustive(t *dataset.Table, rows []int, entropy bool, minRows, depth int) string {
	counts := func(rows []int) []float64 {
		n := make([]float64, len(t.Schema.Classes))
		for _, r := range rows {
			n[t.Y[r]]++
		}
		return n
	}
	table := entropyTable(len(rows)) // whole numbers, so that both implementations see the same ties
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
			if len(left) < minRows || len(right) < minRows {
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
	left := exhaustive(t, bestLeft, entropy, minRows, depth-1)
	right := exhaustive(t, bestRight, entropy, minRows, depth-1)
	return text + " (" + left + ") (" + right + ")"
}

// treeText returns a tree in the form of exhaustive.
func treeText(t *Tree, counts [][]int, node int32) string {
	if l := t.Leaf[node]; l >= 0 {
		return fmt.Sprint(counts[l])
	}
	n := t.Nodes[node]
	left, right := treeText(t, counts, n.Left), treeText(t, counts, n.Left+1)
	return fmt.Sprintf("x%d<%v (%s) (%s)", n.Feature, n.Threshold, left, right)
}

// newBins returns the bins of a table.
func newBins(t *testing.T, data *dataset.Table) *Bins {
	t.Helper()
	b, err := NewBins(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newClassGrower returns a grower in which all classes weigh 1.
func newClassGrower(b *Bins, data *dataset.Table) *ClassGrower {
	return NewClassGrower(b, slices.Repeat([]float64{1}, len(data.Schema.Classes)))
}

// items returns all rows of a table, each once.
func items(data *dataset.Table) []Item {
	all := make([]Item, data.Rows())
	for r, y := range data.Y {
		all[r] = Item{uint32(r), uint32(y), 1}
	}
	return all
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
		data := datasettest.Table(y, x...)
		entropy, minRows, depth := round%2 == 1, 1+round%3, []int{-1, 2, 5}[round/3%3]
		g := newClassGrower(newBins(t, data), data)
		g.MinRows, g.MaxDepth = minRows, depth
		if entropy {
			g.UseEntropy(rows)
		}
		all := make([]int, rows)
		for r := range all {
			all[r] = r
		}
		var counts [][]int
		tree, err := g.Grow(t.Context(), items(data), func(c []int) { counts = append(counts, slices.Clone(c)) })
		if err != nil {
			t.Fatal(err)
		}
		if got, want := treeText(tree, counts, 0), exhaustive(data, all, entropy, minRows, depth); got != want {
			t.Fatalf("round %d (entropy %v, %d rows a leaf, depth %d):\n%s, want\n%s", round, entropy, minRows, depth, got, want)
		}
	}
}

// TestClassGrower_fillBothWays compares the two ways to count: one for few rows, one for many.
func TestClassGrower_fillBothWays(t *testing.T) {
	data := datasettest.Noise(3000, 1, 70, 1)
	b := newBins(t, data)
	g := newClassGrower(b, data)
	count := func(rows int) (cells, numbers []uint32) {
		items := make([]Item, rows)
		for r := range items {
			items[r] = Item{uint32(r), uint32(data.Y[r]), uint32(1 + r%2)}
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
		t.Error("the buffers are not clear for the next feature")
	}
}

func TestClassGrower_cancelled(t *testing.T) {
	data := datasettest.Noise(3000, 3, 2, 0)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := newClassGrower(newBins(t, data), data).Grow(ctx, items(data), func([]int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
