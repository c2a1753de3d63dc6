package model

import "math"

// boostGrower grows regression trees on gradients, leaf by leaf: the leaf whose split lowers the loss most is split
// next, as in LightGBM. It keeps its buffers from tree to tree.
type boostGrower struct {
	bins      *bins
	maxLeaves int
	maxDepth  int // -1 = any
	minRows   int
	minSecond float64 // sum of second derivatives in a leaf, at least
	l2        float64
	unit1     float64 // what 1 in gradient.first stands for
	unit2     float64 // what 1 in gradient.second stands for

	pool    histograms
	scratch [2]histogram // for a leaf that gets none from the pool
	cells   [2][]boostCell
	rows    []uint32 // in the order that the last tree left them in
	spare   []uint32
	found   [2][]boostSplit // per child and feature
	leaves  []boostLeaf
}

// boostLeaf is a leaf of the tree that is being grown, with the best split that it has.
type boostLeaf struct {
	node  int32
	depth int
	rows  []uint32
	sum   boostCell
	hist  histogram // nil: count the rows again
	split boostSplit
	value float64
}

// boostSplit parts a leaf between the bins left and right of a feature. A gain of 0 is no split.
type boostSplit struct {
	feature, left, right int
	gain                 float64
	sum                  boostCell // of the left side
}

// maxHistogramBytes bounds the histograms that are kept for leaves.
const maxHistogramBytes = 32 << 20

func newBoostGrower(b *bins, maxLeaves int) *boostGrower {
	features := len(b.columns)
	limit := max(1, min(maxLeaves, maxHistogramBytes/(features*256*16)))
	return &boostGrower{
		bins: b, maxLeaves: maxLeaves,
		pool:  histograms{features: features, limit: limit},
		found: [2][]boostSplit{make([]boostSplit, features), make([]boostSplit, features)},
	}
}

// grow builds a tree of the rows on some features, ascending. It leaves in g.leaves, in the
// order of their numbers, the leaves with their rows and values, valid until the next call.
func (g *boostGrower) grow(rows []uint32, gradients []gradient, features []int) *grown {
	tree := new(grown)
	for _, l := range g.leaves {
		g.pool.put(l.hist)
	}
	g.rows = append(g.rows[:0], rows...)
	root := boostLeaf{node: tree.add(), rows: g.rows}
	for _, r := range rows {
		root.sum = root.sum.plus(gradients[r].cell())
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
		tree.leaf[l.node] = int32(i)
		l.value = g.value(l.sum)
	}
	return tree
}

// divide splits a leaf: the left child takes its place, the right one comes last.
func (g *boostGrower) divide(tree *grown, at int, gradients []gradient, features []int) {
	l := g.leaves[at]
	s := l.split
	n := g.part(l.rows, s)
	node := tree.split(l.node, s.feature, g.bins.threshold(s.feature, s.left, s.right))
	left := boostLeaf{node: node, depth: l.depth + 1, rows: l.rows[:n], sum: s.sum}
	right := boostLeaf{node: node + 1, depth: l.depth + 1, rows: l.rows[n:], sum: l.sum.minus(s.sum)}
	if len(g.leaves)+1 == g.maxLeaves { // nothing will be split any more
		g.pool.put(l.hist)
	} else if n <= len(right.rows) {
		g.search(gradients, features, l.hist, &left, &right)
	} else {
		g.search(gradients, features, l.hist, &right, &left)
	}
	g.leaves[at] = left
	g.leaves = append(g.leaves, right)
}

// part moves the rows that go left to the front, both sides in their old order, and returns how many they are.
func (g *boostGrower) part(rows []uint32, s boostSplit) int {
	column := g.bins.columns[s.feature]
	if cap(g.spare) < len(rows) {
		g.spare = make([]uint32, len(rows))
	}
	spare := g.spare[:len(rows)]
	left, right := 0, 0
	for _, r := range rows { // both sides are written and one of them counted: no branch to mispredict
		rows[left], spare[right] = r, r
		goesLeft := 0
		if int(column[r]) <= s.left {
			goesLeft = 1
		}
		left += goesLeft
		right += 1 - goesLeft
	}
	copy(rows[left:], spare[:right])
	return left
}

// value is what a leaf adds to a score: the minimum of the loss's second-order approximation.
func (g *boostGrower) value(sum boostCell) float64 {
	weight := float64(sum.second())*g.unit2 + g.l2
	if weight <= 0 {
		return 0
	}
	return -float64(sum.first) * g.unit1 / weight
}

// search finds the best splits of two siblings, or of the root alone. Their parent's histogram, unless it is nil,
// becomes that of the large one: it is then enough to count the rows of the small one.
func (g *boostGrower) search(gradients []gradient, features []int, parent histogram, small, large *boostLeaf) {
	children := [2]*boostLeaf{small, large}
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
		g.gather(i, l.rows, gradients)
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
				fill(&hist[i][f], g.bins.columns[f], l.rows, g.cells[i], bins)
			}
			if g.divisible(l) {
				g.found[i][task] = g.scan(f, &hist[i][f], bins, l.sum)
			}
		}
	}
	if len(small.rows)*len(features) < sequentialWork {
		for task := range features {
			each(task)
		}
	} else {
		parallel(len(features), each)
	}
	if parent != nil && hist[1] == nil {
		g.pool.put(parent)
	}
	for i, l := range children {
		if hist[i] == nil {
			continue
		}
		if !g.divisible(l) {
			g.give(hist[i])
			continue
		}
		for _, s := range g.found[i][:len(features)] {
			if s.gain > l.split.gain {
				l.split = s
			}
		}
		if g.isScratch(hist[i]) {
			continue
		}
		l.hist = hist[i]
	}
}

// sequentialWork is the work, in rows times features, below which other goroutines cost more than they save.
const sequentialWork = 1 << 15

// divisible reports whether a leaf may have a split at all. nil, the root's sibling, may not.
func (g *boostGrower) divisible(l *boostLeaf) bool {
	return l != nil && len(l.rows) >= 2*g.minRows && l.depth != g.maxDepth
}

// give takes a histogram back into the pool, unless it never came from there.
func (g *boostGrower) give(h histogram) {
	if !g.isScratch(h) {
		g.pool.put(h)
	}
}

func (g *boostGrower) isScratch(h histogram) bool {
	return g.scratch[0] != nil && &h[0] == &g.scratch[0][0] || g.scratch[1] != nil && &h[0] == &g.scratch[1][0]
}

// gather copies the gradients of rows in their order, so that every feature reads them one after the other.
func (g *boostGrower) gather(child int, rows []uint32, gradients []gradient) {
	if cap(g.cells[child]) < len(rows) {
		g.cells[child] = make([]boostCell, len(rows))
	}
	cells := g.cells[child][:len(rows)]
	for i, r := range rows {
		cells[i] = gradients[r].cell()
	}
	g.cells[child] = cells
}

// scan tries the cuts of feature f between any two bins that hold rows and returns the best.
func (g *boostGrower) scan(f int, h *[256]boostCell, bins int, all boostCell) boostSplit {
	best := boostSplit{feature: f}
	allFirst, allSecond := float64(all.first)*g.unit1, float64(all.second())*g.unit2
	unsplit := allFirst * allFirst / math.Max(allSecond+g.l2, math.SmallestNonzeroFloat64)
	rows := all.rows()
	var left boostCell
	bin := 0 // the last with rows
	for b := range h[:bins] {
		n := h[b].rows()
		if n == 0 {
			continue
		}
		if leftRows := left.rows(); leftRows >= g.minRows && rows-leftRows >= g.minRows {
			first, second := float64(left.first)*g.unit1, float64(left.second())*g.unit2
			first2, second2 := allFirst-first, allSecond-second
			if second >= g.minSecond && second2 >= g.minSecond {
				a, b2 := second+g.l2, second2+g.l2
				gain := (first*first*b2+first2*first2*a)/(a*b2) - unsplit
				if gain > best.gain {
					best = boostSplit{f, bin, b, gain, left}
				}
			}
		}
		left = left.plus(h[b])
		bin = b
	}
	return best
}
