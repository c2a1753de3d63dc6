package model

import (
	"context"
	"math/bits"
	"math/rand/v2"
)

// classGrower grows classification trees on binned rows: depth first, to the last row unless it is told to stop
// before, like scikit-learn's. It keeps its buffers from tree to tree and is for one goroutine.
type classGrower struct {
	bins    *bins
	weights []float64  // what a row of each class counts in an impurity
	entropy []float64  // see entropyTable, for weights of 1; nil: Gini impurity
	minLeaf int        // rows in a leaf, at least
	depth   int        // splits on the way to a leaf, at most; -1 = any number
	tries   int        // features that a split is chosen among
	random  *rand.Rand // draws those features; unused when all of them are tried

	shift    int      // of a bin number in a cell: its low bits are the class
	cells    []uint32 // rows per bin and class, all 0 between two features
	touched  []uint64 // bit by bit the cells that aren't 0, for few rows
	words    []uint64 // bit by bit the words of touched that aren't 0
	filled   []uint32 // the cells that aren't 0, ascending
	spare    []item   // for the rows that go right while rows are parted
	features []int    // a permutation
	total    []int    // rows by class in the node
	left     []float64
	right    []float64
}

// item is a row that a tree is grown on. A bootstrap draws some rows several times.
type item struct{ row, class, copies uint32 }

func newClassGrower(b *bins, weights []float64) *classGrower {
	g := &classGrower{bins: b, weights: weights, minLeaf: 1, depth: -1, tries: len(b.columns)}
	g.shift = bits.Len(uint(len(weights) - 1))
	cells := 256 << g.shift
	g.cells = make([]uint32, cells)
	g.touched = make([]uint64, (cells+63)/64)
	g.words = make([]uint64, (len(g.touched)+63)/64)
	g.features = make([]int, len(b.columns))
	g.total = make([]int, len(weights))
	g.left, g.right = make([]float64, len(weights)), make([]float64, len(weights))
	return g
}

// nodesPerCheck is how many small nodes pass between two looks at the context.
const nodesPerCheck = 256

// grow builds a tree of the items, whose order it changes. leafCounts gets the rows by class of each leaf in the order
// of the leaves' numbers; it must not keep the slice.
func (g *classGrower) grow(ctx context.Context, items []item, leafCounts func([]int)) (*grown, error) {
	type job struct {
		items []item
		node  int32
		depth int
	}
	for f := range g.features {
		g.features[f] = f // not as the last tree left them: which that was is up to chance
	}
	tree := new(grown)
	leaves := int32(0)
	for stack := []job{{items, tree.add(), 0}}; len(stack) > 0; {
		j := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if (len(j.items) > rowsPerCheck || len(tree.nodes)%nodesPerCheck < 2) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := g.best(j.items, j.depth)
		if s.feature < 0 {
			leafCounts(g.total)
			tree.leaf[j.node] = leaves
			leaves++
			continue
		}
		threshold := g.bins.threshold(s.feature, s.left, s.right)
		n := g.part(j.items, s)
		left := tree.split(j.node, s.feature, threshold)
		stack = append(stack, job{j.items[n:], left + 1, j.depth + 1}, job{j.items[:n], left, j.depth + 1})
	}
	return tree, nil
}

// part moves the items that go left to the front, both sides in their old order, and returns how many they are.
func (g *classGrower) part(items []item, s classSplit) int {
	column := g.bins.columns[s.feature]
	if cap(g.spare) < len(items) {
		g.spare = make([]item, len(items))
	}
	spare := g.spare[:len(items)]
	left, right := 0, 0
	for _, it := range items { // both sides are written and one of them counted: no branch to mispredict
		items[left], spare[right] = it, it
		goesLeft := 0
		if int(column[it.row]) <= s.left {
			goesLeft = 1
		}
		left += goesLeft
		right += 1 - goesLeft
	}
	copy(items[left:], spare[:right])
	return left
}
