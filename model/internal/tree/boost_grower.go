package tree

import (
	"math"

	"iris/model/internal/parallel"
)

// BoostGrower grows regression trees on gradients. It works leaf by leaf, as LightGBM does: it always splits the leaf
// whose split lowers the loss most. It keeps its buffers from tree to tree and serves one goroutine.
type BoostGrower struct {
	MaxDepth   int     // maximum number of splits on the way to a leaf; -1 sets no limit
	MinRows    int     // minimum number of rows in a leaf
	MinSecond  float64 // minimum sum of second derivatives in a leaf
	L2         float64 // penalty on the values of the leaves
	FirstUnit  float64 // the derivative that 1 in Gradient.First stands for
	SecondUnit float64 // the derivative that 1 in Gradient.Second stands for
	Limits     Limits

	bins      *Bins
	maxLeaves int
	pool      histograms
	scratch   [2]histogram // for a leaf that gets none from the pool
	gradients [2][]gradientSum
	rows      []uint32 // in the order that the last tree left them in
	spare     []uint32
	found     [2][]boostSplit // per child and feature
	leaves    []BoostLeaf
}

// BoostLeaf is a leaf of a tree that a BoostGrower grew.
type BoostLeaf struct {
	Rows  []uint32
	Value float64 // what the leaf adds to a score

	node   int32
	depth  int
	l2     float64 // penalty on the value beside BoostGrower.L2
	span   span
	groups uint64 // of Limits.Groups: those of all features on the way here
	sum    gradientSum
	hist   histogram // nil: the rows must be counted again
	split  boostSplit
}

// boostSplit separates the bins of a feature up to left from those from right on, or, if subset is not empty, the codes
// in subset, which go right, from all others. A gain of 0 means that the leaf stays a leaf.
type boostSplit struct {
	feature, left, right int
	gain                 float64
	sum                  gradientSum // of the left side
	subset               Subset
	l2                   float64 // penalty on the values of both sides beside BoostGrower.L2
}

// MaxHistogramBytes bounds the memory of the histograms that a BoostGrower keeps for leaves.
const MaxHistogramBytes = 32 << 20

// NewBoostGrower returns a grower of trees with at most maxLeaves leaves. The caller sets its exported fields.
func NewBoostGrower(b *Bins, maxLeaves int) *BoostGrower {
	features := b.Features()
	limit := max(1, min(maxLeaves, MaxHistogramBytes/(features*256*16)))
	return &BoostGrower{
		bins: b, maxLeaves: maxLeaves,
		pool:  histograms{features: features, limit: limit},
		found: [2][]boostSplit{make([]boostSplit, features), make([]boostSplit, features)},
	}
}

// Grow builds a tree of rows on features, which ascend. gradients has one element per row of the table. Grow also
// returns the leaves in the order of their numbers. They are valid until the next call.
func (g *BoostGrower) Grow(rows []uint32, gradients []Gradient, features []int) (*Tree, []BoostLeaf) {
	tree := new(Tree)
	for _, l := range g.leaves {
		g.pool.put(l.hist)
	}
	g.rows = append(g.rows[:0], rows...)
	root := BoostLeaf{node: tree.Add(), Rows: g.rows, span: anyValue(), groups: math.MaxUint64}
	for _, r := range rows {
		root.sum = root.sum.plus(gradients[r].sum())
	}
	g.leaves = append(g.leaves[:0], root)
	g.search(gradients, features, nil, &g.leaves[0], nil)
	for len(g.leaves) < g.maxLeaves {
		best := 0
		for i := range g.leaves {
			if g.leaves[i].split.gain > g.leaves[best].split.gain {
				best = i
			}
		}
		if g.leaves[best].split.gain <= 0 {
			break
		}
		g.divide(tree, best, gradients, features)
	}
	for i := range g.leaves {
		l := &g.leaves[i]
		tree.Leaf[l.node] = int32(i)
		l.Value = g.value(l, g.L2+l.l2)
	}
	return tree, g.leaves
}

// divide splits a leaf. The left child takes its place, and the right child becomes the last leaf.
func (g *BoostGrower) divide(tree *Tree, at int, gradients []Gradient, features []int) {
	l := g.leaves[at]
	s := l.split
	n := g.part(l.Rows, s)
	var node int32
	if s.subset != 0 {
		node = tree.SplitSubset(l.node, s.feature, s.subset)
	} else {
		node = tree.Split(l.node, s.feature, g.bins.threshold(s.feature, s.left, s.right))
	}
	left := BoostLeaf{node: node, depth: l.depth + 1, l2: s.l2, Rows: l.Rows[:n], sum: s.sum}
	right := BoostLeaf{node: node + 1, depth: l.depth + 1, l2: s.l2, Rows: l.Rows[n:], sum: l.sum.minus(s.sum)}
	g.restrict(&l, &left, &right)
	if len(g.leaves)+1 == g.maxLeaves { // this is the last split
		g.pool.put(l.hist)
	} else if n <= len(right.Rows) {
		g.search(gradients, features, l.hist, &left, &right)
	} else {
		g.search(gradients, features, l.hist, &right, &left)
	}
	g.leaves[at] = left
	g.leaves = append(g.leaves, right)
}

// part moves the rows that go left to the front and returns their number. Both sides keep their order.
func (g *BoostGrower) part(rows []uint32, s boostSplit) int {
	column := g.bins.columns[s.feature]
	if cap(g.spare) < len(rows) {
		g.spare = make([]uint32, len(rows))
	}
	spare := g.spare[:len(rows)]
	left := 0
	if s.subset != 0 {
		for i, r := range rows {
			rows[left], spare[i-left] = r, r
			left += s.subset.stays(column[r])
		}
		copy(rows[left:], spare)
		return left
	}
	for i, r := range rows { // write to both sides and count one of them: no branch
		rows[left], spare[i-left] = r, r
		left += goesLeft(column[r], s.left)
	}
	copy(rows[left:], spare)
	return left
}

// value returns what a leaf adds to a score: the minimum of the second-order approximation of the loss within the span
// of the leaf.
func (g *BoostGrower) value(l *BoostLeaf, l2 float64) float64 {
	weight := float64(l.sum.second())*g.SecondUnit + l2
	if weight <= 0 {
		return l.span.clamp(0)
	}
	return l.span.clamp(-float64(l.sum.first) * g.FirstUnit / weight)
}

// search finds the best splits of two siblings, or of the root if large is nil. Unless parent, the histogram of their
// parent, is nil, search turns it into the histogram of large by subtraction, so only the rows of small are counted.
func (g *BoostGrower) search(gradients []Gradient, features []int, parent histogram, small, large *BoostLeaf) {
	children := [2]*BoostLeaf{small, large}
	var hist [2]histogram
	for i, l := range children {
		if !g.divisible(l) && (i == 1 || !g.divisible(large)) {
			continue
		}
		if i == 1 && parent != nil {
			hist[i] = parent
			continue
		}
		if hist[i] = g.pool.take(); hist[i] == nil {
			if g.scratch[i] == nil {
				g.scratch[i] = make(histogram, g.pool.features)
			}
			hist[i] = g.scratch[i]
		}
		g.gather(i, l.Rows, gradients)
	}
	each := func(task int) {
		f := features[task]
		bins := g.bins.values(f)
		for i, l := range children {
			if hist[i] == nil {
				continue
			}
			if i == 1 && parent != nil {
				subtract(&hist[1][f], &hist[0][f], bins)
			} else {
				fill(&hist[i][f], g.bins.columns[f], l.Rows, g.gradients[i], bins)
			}
			switch {
			case !g.divisible(l):
			case !g.allows(l, f):
				g.found[i][task] = boostSplit{}
			case g.bins.categorical(f):
				g.found[i][task] = g.scanCodes(f, &hist[i][f], l.sum)
			case g.Limits.Monotone != nil:
				g.found[i][task] = g.scanMonotone(f, &hist[i][f], bins, l)
			default:
				g.found[i][task] = g.scan(f, &hist[i][f], bins, l.sum)
			}
		}
	}
	if len(small.Rows)*len(features) < sequentialWork {
		for task := range features {
			each(task)
		}
	} else {
		parallel.For(len(features), each)
	}
	if parent != nil && hist[1] == nil {
		g.pool.put(parent)
	}
	for i, l := range children {
		if hist[i] == nil {
			continue
		}
		if !g.divisible(l) {
			g.release(hist[i])
			continue
		}
		for _, s := range g.found[i][:len(features)] {
			if s.gain > l.split.gain {
				l.split = s
			}
		}
		if !g.isScratch(hist[i]) {
			l.hist = hist[i]
		}
	}
}

// sequentialWork is the work, in rows times features, below which more goroutines cost more than they save.
const sequentialWork = 1 << 15

// divisible reports whether a leaf may be split at all. A nil leaf, the sibling of the root, may not.
func (g *BoostGrower) divisible(l *BoostLeaf) bool {
	return l != nil && len(l.Rows) >= 2*g.MinRows && l.depth != g.MaxDepth
}

// release returns a histogram to the pool unless it is scratch.
func (g *BoostGrower) release(h histogram) {
	if !g.isScratch(h) {
		g.pool.put(h)
	}
}

func (g *BoostGrower) isScratch(h histogram) bool {
	return g.scratch[0] != nil && &h[0] == &g.scratch[0][0] || g.scratch[1] != nil && &h[0] == &g.scratch[1][0]
}

// gather copies the gradients of rows in the order of rows, so that every feature reads them sequentially.
func (g *BoostGrower) gather(child int, rows []uint32, gradients []Gradient) {
	if cap(g.gradients[child]) < len(rows) {
		g.gradients[child] = make([]gradientSum, len(rows))
	}
	gathered := g.gradients[child][:len(rows)]
	for i, r := range rows {
		gathered[i] = gradients[r].sum()
	}
	g.gradients[child] = gathered
}

// scan tries the cuts of feature f between any two bins that hold rows and returns the best one.
func (g *BoostGrower) scan(f int, h *[256]gradientSum, bins int, all gradientSum) boostSplit {
	best := boostSplit{feature: f}
	allFirst, allSecond := float64(all.first)*g.FirstUnit, float64(all.second())*g.SecondUnit
	unsplit := allFirst * allFirst / math.Max(allSecond+g.L2, math.SmallestNonzeroFloat64)
	rows := all.rows()
	var left gradientSum
	bin := 0 // the last one with rows
	for b := range h[:bins] {
		n := h[b].rows()
		if n == 0 {
			continue
		}
		if leftRows := left.rows(); leftRows >= g.MinRows && rows-leftRows >= g.MinRows {
			first, second := float64(left.first)*g.FirstUnit, float64(left.second())*g.SecondUnit
			first2, second2 := allFirst-first, allSecond-second
			if second >= g.MinSecond && second2 >= g.MinSecond {
				a, b2 := second+g.L2, second2+g.L2
				gain := (first*first*b2+first2*first2*a)/(a*b2) - unsplit
				if gain > best.gain {
					best = boostSplit{feature: f, left: bin, right: b, gain: gain, sum: left}
				}
			}
		}
		left = left.plus(h[b])
		bin = b
	}
	return best
}
