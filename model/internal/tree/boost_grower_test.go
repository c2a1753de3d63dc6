package tree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"iris/internal/dataset/datasettest"
)

// boostSetup returns a grower without bins, and gradients like those of a boosting round.
func boostSetup(rows, features int, random *rand.Rand) (*BoostGrower, []Gradient, []uint32) {
	g := NewBoostGrower(&Bins{columns: make([][]uint8, features)}, 31)
	scale := float64(int(1) << SecondBits(rows))
	g.MinRows, g.MaxDepth, g.MinSecond, g.L2 = 4, -1, 1e-3, 1
	g.FirstUnit, g.SecondUnit = 1./(1<<FirstBits), 1/scale
	gradients, order := make([]Gradient, rows), make([]uint32, rows)
	for r := range gradients {
		p := random.Float64()
		gradients[r] = Gradient{int32((p - float64(random.IntN(2))) * (1 << FirstBits)), uint32(p * (1 - p) * scale)}
		order[r] = uint32(r)
	}
	return g, gradients, order
}

// TestBoostGrower_asExhaustive compares the split of the root with the best of all thresholds, in floating point.
func TestBoostGrower_asExhaustive(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 40 {
		data := datasettest.Noise(30+random.IntN(60), 3, 2, 0)
		g, gradients, rows := boostSetup(data.Rows(), 3, random)
		b := newBins(t, data)
		g.maxLeaves, g.bins = 2, b
		tree, _ := g.Grow(rows, gradients, []int{0, 1, 2})
		gain := func(left bool, f int, threshold float64) (score float64, n int) {
			first, second := 0.0, 0.0
			for r := range gradients {
				if data.Row(r)[f] < threshold == left {
					first += float64(gradients[r].First) / (1 << FirstBits)
					second += float64(gradients[r].Second) * g.SecondUnit
					n++
				}
			}
			return first * first / (second + g.L2), n
		}
		best, feature, at := 0.0, -1, 0.0
		for f := range 3 {
			for bin := range b.values(f) - 1 {
				threshold := b.threshold(f, bin, bin+1)
				left, n := gain(true, f, threshold)
				right, m := gain(false, f, threshold)
				if n >= g.MinRows && m >= g.MinRows && left+right > best {
					best, feature, at = left+right, f, threshold
				}
			}
		}
		if n := tree.Nodes[0]; int(n.Feature) != feature || n.Threshold != at {
			t.Fatalf("round %d: split %+v, want feature %d at %v", round, n, feature, at)
		}
	}
}

// TestBoostGrower_fewHistograms checks that leaves without a histogram, for lack of memory, give the same tree.
func TestBoostGrower_fewHistograms(t *testing.T) {
	data := datasettest.Noise(4000, 5, 2, .3)
	b := newBins(t, data)
	var want *Tree
	for _, limit := range []int{31, 3, 1} {
		g, gradients, rows := boostSetup(data.Rows(), 5, rand.New(rand.NewPCG(1, 1)))
		g.bins, g.pool.limit = b, limit
		for range 2 { // the second tree reuses the histograms of the first
			tree, _ := g.Grow(rows, gradients, []int{0, 1, 2, 3, 4})
			if want == nil {
				want = tree
			}
			if len(tree.Nodes) != 61 {
				t.Fatalf("%d nodes, want 31 leaves", len(tree.Nodes))
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

func TestSecondBits(t *testing.T) {
	for rows, want := range map[int]int{1: 30, 150: 30, 1 << 8: 29, 100_000: 21, MaxBoostRows: 10} {
		got := SecondBits(rows)
		if got != want {
			t.Errorf("%d rows: scale 2^%d, want 2^%d", rows, got, want)
		}
		if sum := uint64(rows) * (1 << got / 4); sum >= 1<<(64-countBits) {
			t.Errorf("%d rows: the sum may be %d, which does not fit", rows, sum)
		}
	}
}
