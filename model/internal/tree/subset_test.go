package tree

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// mixed returns a table of random codes that tell something about the class.
func mixed(random *rand.Rand, rows, classes int, codes ...int) *dataset.Table {
	x, y := make([][]float64, rows), make([]int, rows)
	for r := range x {
		y[r] = random.IntN(classes)
		for f, n := range codes {
			code := random.IntN(n)
			if random.IntN(3) == 0 {
				code = (5*y[r] + f) % n
			}
			x[r] = append(x[r], float64(code))
		}
	}
	for k := range min(rows, classes) {
		y[k] = k
	}
	t := datasettest.Table(y, x...)
	t.Codes = codes
	return t
}

// subsets calls each for every way to divide the codes of feature f, with the sides of the rows.
func subsets(t *dataset.Table, f int, rows []int, each func(s Subset, left, right []int)) {
	for s := Subset(1); s < allCodes(t.Codes[f]); s++ {
		var left, right []int
		for _, r := range rows {
			if s.Has(t.Row(r)[f]) == 1 {
				right = append(right, r)
			} else {
				left = append(left, r)
			}
		}
		if len(left) > 0 && len(right) > 0 {
			each(s, left, right)
		}
	}
}

// all returns the numbers of the rows of a table.
func all(t *dataset.Table) []int {
	rows := make([]int, t.Rows())
	for r := range rows {
		rows[r] = r
	}
	return rows
}

// TestClassGrower_bestSubset compares the split of two classes with the best of all subsets.
func TestClassGrower_bestSubset(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 5))
	for round := range 60 {
		data := mixed(random, 4+random.IntN(80), 2, 2+random.IntN(7))
		entropy, weights := round%2 == 1, []float64{1, 1}
		if !entropy {
			weights[1] = 2.5
		}
		g := NewClassGrower(newBins(t, data), weights)
		g.MaxDepth, g.MinRows = 1, 1+round%3
		table := entropyTable(data.Rows())
		if entropy {
			g.UseEntropy(data.Rows())
		}
		score := func(rows []int) float64 {
			var w [2]float64
			for _, r := range rows {
				w[data.Y[r]] += weights[data.Y[r]]
			}
			if entropy {
				return table[int(w[0])] + table[int(w[1])] - table[int(w[0]+w[1])]
			}
			return (w[0]*w[0] + w[1]*w[1]) / (w[0] + w[1])
		}
		best := math.Inf(-1)
		subsets(data, 0, all(data), func(_ Subset, left, right []int) {
			if len(left) >= g.MinRows && len(right) >= g.MinRows {
				best = max(best, score(left)+score(right))
			}
		})
		tree, err := g.Grow(t.Context(), items(data), func([]int) {})
		if err != nil {
			t.Fatal(err)
		}
		got := math.Inf(-1)
		if tree.Leaf[0] < 0 {
			s := tree.Nodes[0].Split()
			if err := s.Check(1, data.Codes); err != nil {
				t.Fatal(err)
			}
			subsets(data, 0, all(data), func(o Subset, left, right []int) {
				if o == s.Right {
					got = score(left) + score(right)
				}
			})
		}
		if got != best && math.Abs(got-best) > 1e-9*math.Abs(best) {
			t.Fatalf("round %d: the subset of the root scores %v, want %v, the best of all", round, got, best)
		}
	}
}

// TestClassGrower_axis has three classes that each own a third of the levels, so two splits separate them.
func TestClassGrower_axis(t *testing.T) {
	var rows [][]float64
	var y []int
	for r := range 270 {
		code := r % 9
		rows, y = append(rows, []float64{float64(code)}), append(y, code*2%3)
	}
	data := datasettest.Table(y, rows...)
	data.Codes = []int{9}
	tree, err := newClassGrower(newBins(t, data), data).Grow(t.Context(), items(data), func(counts []int) {
		if slices.Max(counts) != 90 {
			t.Errorf("a leaf of %v rows by class, want one class", counts)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Nodes) != 5 {
		t.Errorf("%d nodes, want two splits and three leaves", len(tree.Nodes))
	}
}

// TestBoostGrower_bestSubset compares the split of the root with the best of all subsets.
func TestBoostGrower_bestSubset(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 5))
	for round := range 40 {
		codes := 2 + random.IntN(fewLevels-1)
		data := mixed(random, 300+random.IntN(60), 2, codes)
		g, gradients, rows := boostSetup(data.Rows(), 1, random)
		g.maxLeaves, g.bins, g.L2 = 2, newBins(t, data), 0
		tree, leaves := g.Grow(rows, gradients, []int{0})
		gain := func(rows []int) float64 {
			first, second := 0.0, 0.0
			for _, r := range rows {
				first += float64(gradients[r].First) * g.FirstUnit
				second += float64(gradients[r].Second) * g.SecondUnit
			}
			return first * first / second
		}
		best, at := 0.0, Subset(0)
		subsets(data, 0, all(data), func(s Subset, left, right []int) {
			if v := gain(left) + gain(right); len(left) >= g.MinRows && len(right) >= g.MinRows && v > best {
				best, at = v, s
			}
		})
		got := tree.Nodes[0].Split().Right
		if got != at && got != at.Complement(codes) {
			t.Fatalf("round %d: subset %b, want %b of %d codes", round, got, at, codes)
		}
		for i, l := range leaves {
			for _, r := range l.Rows {
				if found := tree.Find(data.Row(int(r))); int(found) != i {
					t.Fatalf("row %d grew in leaf %d and is found in leaf %d", r, i, found)
				}
			}
		}
	}
}

// TestBoostGrower_rareLevels checks that a split does not divide the levels with few rows, that leaves hold the rows
// that they are found for, and that levels without rows go to the child with more rows.
func TestBoostGrower_rareLevels(t *testing.T) {
	var x [][]float64
	var gradients []Gradient
	rows := []uint32{}
	for r := range 400 {
		code := r % 8 // the levels 0 to 7 are frequent
		if r%50 == 0 {
			code = 8 + r/50%4 // and 8 to 11 have two rows each; 12 and 13 have none
		}
		first := int32(1) << (FirstBits - 2)
		if code%2 == 1 || code == 3 {
			first = -first
		}
		x, rows = append(x, []float64{float64(code)}), append(rows, uint32(r))
		gradients = append(gradients, Gradient{first, 1 << (SecondBits(400) - 2)})
	}
	y := make([]int, len(x))
	y[0] = 1
	data := datasettest.Table(y, x...)
	data.Codes = []int{14}
	g, _, _ := boostSetup(400, 1, rand.New(rand.NewPCG(1, 1)))
	g.bins, g.maxLeaves = newBins(t, data), 2
	tree, leaves := g.Grow(rows, gradients, []int{0})
	right := tree.Nodes[0].Split().Right
	if side := right & 0xff; side != 0x55 && side != 0xaa {
		t.Errorf("subset %b, want the frequent levels divided by their gradients", right)
	}
	if rare := right >> 8 & 0xf; rare != 0 && rare != 0xf {
		t.Errorf("subset %b, want the rare levels on one side", right)
	}
	want := Subset(0)
	if len(leaves[1].Rows) > len(leaves[0].Rows) {
		want = 3
	}
	if got := right >> 12; got != want {
		t.Errorf("subset %b, %d rows left and %d right: want the levels without rows with more rows",
			right, len(leaves[0].Rows), len(leaves[1].Rows))
	}
}

// TestFind_subsets compares every way to find a leaf with a plain walk.
func TestFind_subsets(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	for _, features := range []int{3, 14, maskFeatures + 2} {
		codes := make([]int, features)
		for f := range codes {
			codes[f] = []int{0, 2, 7, MaxCodes}[f%4]
		}
		for _, trees := range []int{1, wideLanes, maskTrees + 3} {
			var grown []*Tree
			for range trees {
				grown = append(grown, mixedBush(random, 1+random.IntN(maxMaskLeaves), codes))
			}
			e := forestOf(t, features, codes, grown...)
			if err := e.Check(features, codes, math.MaxInt); err != nil {
				t.Fatal(err)
			}
			if got, want := e.masks != nil, features <= max(maskFeatures, trees); got != want {
				t.Fatalf("%d features: masks %v, want %v", features, got, want)
			}
			x := make([]float64, features)
			for range 100 {
				for f, n := range codes {
					x[f] = float64(random.IntN(max(n, 7)) - min(1, max(0, 1-n)))
				}
				checkFind(t, e, grown, x)
			}
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			again := new(Ensemble)
			if err := json.Unmarshal(b, again); err != nil {
				t.Fatal(err)
			}
			if c, err := json.Marshal(again); err != nil || string(c) != string(b) {
				t.Fatalf("decoded and encoded again, the trees differ (%v)", err)
			}
			checkFind(t, again, grown, x)
		}
	}
}

// checkFind compares the leaves of x, as forestOf numbers them, with those of a walk.
func checkFind(t *testing.T, e *Ensemble, trees []*Tree, x []float64) {
	t.Helper()
	var s Search
	e.Begin(x, &s)
	for first := 0; first < len(trees); {
		leaves := e.Find(x, first, &s)
		for i, got := range leaves {
			tree := trees[first+i]
			at := int32(0)
			for tree.Leaf[at] < 0 {
				s := tree.Nodes[at].Split()
				v, right := x[s.Feature], false
				if s.Right != 0 {
					right = slices.Contains(slices.Collect(s.Right.All()), int(v))
				} else {
					right = v >= s.Threshold
				}
				if at = tree.Nodes[at].Left; right {
					at++
				}
			}
			if want := tree.Leaf[at] + int32(100*(first+i)); got != want || tree.Find(x) != tree.Leaf[at] {
				t.Fatalf("%v, tree %d: leaf %d, and %d by Tree.Find, want %d", x, first+i, got, tree.Find(x), want)
			}
		}
		first += len(leaves)
	}
}

// mixedBush is bush with subsets for the features that have codes.
func mixedBush(random *rand.Rand, leaves int, codes []int) *Tree {
	g := new(Tree)
	open := []int32{g.Add()}
	for len(open) < leaves {
		i, f := random.IntN(len(open)), random.IntN(len(codes))
		var left int32
		if n := codes[f]; n > 0 {
			s := Subset(random.Uint64()) & allCodes(n)
			if s == 0 || s == allCodes(n) {
				s = 1
			}
			left = g.SplitSubset(open[i], f, s)
		} else {
			left = g.Split(open[i], f, float64(random.IntN(6)))
		}
		open[i] = left
		open = append(open, left+1)
	}
	for i, at := range open {
		g.Leaf[at] = int32(i)
	}
	return g
}

func TestSplitCheck(t *testing.T) {
	tests := []struct {
		name  string
		split Split
		codes []int
		want  string
	}{
		{"a threshold", Split{Feature: 1, Threshold: 3}, nil, ""},
		{"a subset", Split{Feature: 0, Right: 6}, []int{3, 0}, ""},
		{"a subset of 64 codes", Split{Feature: 0, Right: 1 << 63}, []int{64, 0}, ""},
		{"a subset of a number", Split{Feature: 1, Right: 1}, []int{3, 0}, "of a number"},
		{"a subset where all are numbers", Split{Feature: 1, Right: 1}, nil, "of a number"},
		{"a threshold of codes", Split{Feature: 0, Threshold: 1}, []int{3, 0}, "subset 0x0 of 3 codes"},
		{"all codes", Split{Feature: 0, Right: 7}, []int{3, 0}, "subset 0x7 of 3 codes"},
		{"a code too high", Split{Feature: 0, Right: 9}, []int{3, 0}, "subset 0x9 of 3 codes"},
		{"a feature too high", Split{Feature: 2, Right: 1}, []int{3, 0}, "feature 2 of 2"},
		{"a feature below 0", Split{Feature: -1, Right: 1}, []int{3, 0}, "feature -1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.split.Check(2, test.codes)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNewBins_codes(t *testing.T) {
	tests := []struct {
		codes []int
		value float64
		want  string
	}{
		{[]int{3, 0}, 2, "<nil>"},
		{[]int{3, 0}, 3, "row 2: f0 is 3, want one of 3 codes"},
		{[]int{3, 0}, -1, "is -1"},
		{[]int{3, 0}, 1.5, "is 1.5"},
		{[]int{3, 0}, math.NaN(), "is NaN"},
		{[]int{65, 0}, 1, "65 codes"},
		{[]int{-1, 0}, 1, "-1 codes"},
		{[]int{3}, 1, "codes of 1 features"},
	}
	for _, test := range tests {
		data := datasettest.Table([]int{0, 1}, []float64{0, 7.5}, []float64{test.value, 8})
		data.Codes = test.codes
		if _, err := NewBins(t.Context(), data); !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%v of %v: %v, want %q", test.value, test.codes, err, test.want)
		}
	}
}
