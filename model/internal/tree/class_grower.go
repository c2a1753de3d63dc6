package tree

import (
	"context"
	"math/bits"
	"math/rand/v2"
)

// ClassGrower grows classification trees on binned rows. It works depth first and, like scikit-learn, splits until the
// leaves are pure unless a limit stops it. It keeps its buffers from tree to tree and serves one goroutine.
type ClassGrower struct {
	MaxDepth int        // maximum number of splits on the way to a leaf; -1 sets no limit
	MinRows  int        // minimum number of rows in a leaf
	Tries    int        // number of features among which a split is chosen
	Random   *rand.Rand // draws those features; not used if Tries is all of them

	bins    *Bins
	weights []float64 // per class: the weight of a row in an impurity
	entropy []float64 // entropyTable; nil for the Gini impurity

	shift    int      // of a bin number in the index of a cell; the low bits are the class
	cells    []uint32 // rows per bin and class, all 0 between two features
	touched  []uint64 // a bit per cell: it is not 0; for few rows
	words    []uint64 // a bit per word of touched: it is not 0
	filled   []uint32 // indexes of the cells that are not 0, ascending
	spare    []Item   // the items that go right while part runs
	features []int    // a permutation of all features
	total    []int    // per class: rows in the node
	left     []float64
	right    []float64

	levels []classLevel // of a categorical feature, in the order of the search
	axis   []float64    // per class: the direction along which they differ most; see principal
}

// Item is a training row of a tree. A bootstrap can draw a row several times.
type Item struct{ Row, Class, Copies uint32 }

// NewClassGrower returns a grower with the Gini impurity, one row per leaf, no limit of depth, and splits chosen among
// all features. weights holds the weight of a row of each class.
func NewClassGrower(b *Bins, weights []float64) *ClassGrower {
	g := &ClassGrower{bins: b, weights: weights, MinRows: 1, MaxDepth: -1, Tries: b.Features()}
	g.shift = bits.Len(uint(len(weights) - 1))
	cells := 256 << g.shift
	g.cells = make([]uint32, cells)
	g.touched = make([]uint64, (cells+63)/64)
	g.words = make([]uint64, (len(g.touched)+63)/64)
	g.features = make([]int, b.Features())
	g.total = make([]int, len(weights))
	g.left, g.right = make([]float64, len(weights)), make([]float64, len(weights))
	if b.codes != nil {
		g.axis = make([]float64, len(weights))
	}
	return g
}

// UseEntropy replaces the Gini impurity by the entropy, for trees of at most that many rows. All weights must be 1.
func (g *ClassGrower) UseEntropy(rows int) { g.entropy = entropyTable(rows) }

// Nodes of more than rowsPerCheck rows check the context. Smaller nodes check it once per nodesPerCheck nodes.
const (
	rowsPerCheck  = 1024
	nodesPerCheck = 256
)

// Grow builds a tree of items, and changes their order. It calls leafCounts with the rows by class of each leaf, in the
// order of the leaf numbers. leafCounts must not keep the slice. If ctx ends first, Grow returns the error of ctx.
func (g *ClassGrower) Grow(ctx context.Context, items []Item, leafCounts func([]int)) (*Tree, error) {
	type job struct {
		items []Item
		node  int32
		depth int
	}
	for f := range g.features {
		g.features[f] = f // chance decides which tree left its permutation here
	}
	tree := new(Tree)
	leaves := int32(0)
	for stack := []job{{items, tree.Add(), 0}}; len(stack) > 0; {
		j := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if (len(j.items) > rowsPerCheck || len(tree.Nodes)%nodesPerCheck < 2) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := g.best(j.items, j.depth)
		if s.feature < 0 {
			leafCounts(g.total)
			tree.Leaf[j.node] = leaves
			leaves++
			continue
		}
		n := g.part(j.items, s)
		var left int32
		if s.subset != 0 {
			left = tree.SplitSubset(j.node, s.feature, s.subset)
		} else {
			left = tree.Split(j.node, s.feature, g.bins.threshold(s.feature, s.left, s.right))
		}
		stack = append(stack, job{j.items[n:], left + 1, j.depth + 1}, job{j.items[:n], left, j.depth + 1})
	}
	return tree, nil
}

// part moves the items that go left to the front and returns their number. Both sides keep their order.
func (g *ClassGrower) part(items []Item, s classSplit) int {
	column := g.bins.columns[s.feature]
	if cap(g.spare) < len(items) {
		g.spare = make([]Item, len(items))
	}
	spare := g.spare[:len(items)]
	left := 0
	if s.subset != 0 {
		for i, it := range items {
			items[left], spare[i-left] = it, it
			left += s.subset.stays(column[it.Row])
		}
		copy(items[left:], spare)
		return left
	}
	for i, it := range items { // write to both sides and count one of them: no branch
		items[left], spare[i-left] = it, it
		left += goesLeft(column[it.Row], s.left)
	}
	copy(items[left:], spare)
	return left
}
