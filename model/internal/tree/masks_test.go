package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// chain returns a tree that splits its right child again and again, on feature 0 at 0, 1, 2, …
func chain(leaves int) *Tree {
	g := new(Tree)
	at := g.Add()
	for i := range leaves - 1 {
		left := g.Split(at, 0, float64(i))
		g.Leaf[left] = int32(i)
		at = left + 1
	}
	g.Leaf[at] = int32(leaves - 1)
	return g
}

// bush returns a tree of random splits.
func bush(random *rand.Rand, leaves, features int) *Tree {
	g := new(Tree)
	open := []int32{g.Add()}
	for len(open) < leaves {
		i := random.IntN(len(open))
		left := g.Split(open[i], random.IntN(features), float64(random.IntN(6)))
		open[i] = left
		open = append(open, left+1)
	}
	for i, at := range open {
		g.Leaf[at] = int32(i)
	}
	return g
}

// forestOf returns the trees as an ensemble with masks. The leaf l of tree i becomes l+100·i.
func forestOf(t *testing.T, features int, codes []int, trees ...*Tree) *Ensemble {
	t.Helper()
	e := new(Ensemble)
	for i, g := range trees {
		if err := e.Append(g, func(l int32) int32 { return l + int32(100*i) }); err != nil {
			t.Fatal(err)
		}
	}
	e.PrepareMasks(features, codes)
	return e
}

// TestLeafMasks_findWhatWalksDo compares masks with walks on rows of any values.
func TestLeafMasks_findWhatWalksDo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for features := 1; features <= maskFeatures; features += 1 + features/4 {
		for i, trees := range []int{1, 3, maskTrees, maskTrees + 1, 2*maskTrees + 5, 3*maskTrees - 2} {
			var grown []*Tree
			for range trees {
				grown = append(grown, bush(random, 1+random.IntN(maxMaskLeaves>>(i%(maxShare+2))), features))
			}
			e := forestOf(t, features, nil, grown...)
			if e.masks == nil {
				t.Fatalf("%d features, %d trees: no masks", features, trees)
			}
			values := []float64{
				-1, 0, math.Copysign(0, -1), 1, 1.5, 2, 3, 4, 5, 6,
				math.Inf(-1), math.Inf(1), math.NaN(), math.MaxFloat64,
			}
			x := make([]float64, features)
			for range 200 {
				for f := range x {
					x[f] = values[random.IntN(len(values))]
				}
				checkMasks(t, e, x)
			}
		}
	}
}

// checkMasks compares the leaves of x by masks with those by walks.
func checkMasks(t *testing.T, e *Ensemble, x []float64) {
	t.Helper()
	var want, got []int32
	for first := 0; first < len(e.roots); first += lanes {
		leaves := e.walk(x, first)
		want = append(want, leaves[:min(lanes, len(e.roots)-first)]...)
	}
	var at [maxMaskGroups]int32
	var leaves [maskTrees]int32
	e.masks.locate(x, &at)
	for first := 0; first < e.masks.trees; first += maskTrees {
		got = append(got, leaves[:e.masks.find(&at, first, &leaves)]...)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v: leaves %v by masks, %v by walks", x, got, want)
	}
}

func TestPrepareMasks_onlyIfFaster(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	many := make([]*Tree, maxMasks/maxMaskLeaves+1)
	for i := range many {
		many[i] = chain(maxMaskLeaves)
	}
	tests := []struct {
		name     string
		features int
		trees    []*Tree
		masks    bool
	}{
		{"small", 4, []*Tree{bush(random, 20, 4)}, true},
		{"as many leaves as bits", 1, []*Tree{chain(maxMaskLeaves)}, true},
		{"no split", 1, []*Tree{chain(1)}, true},
		{"one leaf too many", 1, []*Tree{chain(2), chain(maxMaskLeaves + 1), chain(2)}, false},
		{"many features", maskFeatures + 1, []*Tree{bush(random, 20, 4)}, false},
		{"many features and trees", maskFeatures + 1, slices.Repeat([]*Tree{bush(random, 20, 4)}, maskFeatures+1), true},
		{"too many features", maxMaskFeatures + 1, slices.Repeat([]*Tree{bush(random, 20, 4)}, maxMaskFeatures+1), false},
		{"four megabytes of masks", 1, many[1:], true},
		{"more than four megabytes", 1, many, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := forestOf(t, test.features, nil, test.trees...)
			if got := e.masks != nil; got != test.masks {
				t.Errorf("masks: %v, want %v", got, test.masks)
			}
		})
	}
}
