package tree

import (
	"math"
	"math/bits"
)

// classSplit separates the bins of a feature up to left from those from right on, or, if subset is not empty, the codes
// in subset, which go right, from all others. The bins in between hold no row of the node. A feature of -1 means that
// the node stays a leaf.
type classSplit struct {
	feature, left, right int
	score                float64
	subset               Subset
}

// best returns the split of a node that lowers the impurity most, the first of equals, and sets total. Like
// scikit-learn, it accepts a split that does not lower the impurity: an exclusive or shows only one split further down.
func (g *ClassGrower) best(items []Item, depth int) classSplit {
	found := classSplit{feature: -1}
	clear(g.total)
	for _, it := range items {
		g.total[it.Class] += int(it.Copies)
	}
	rows, classes := 0, 0
	for _, n := range g.total {
		rows += n
		if n > 0 {
			classes++
		}
	}
	if classes < 2 || rows < 2*g.MinRows || depth == g.MaxDepth {
		return found
	}
	all := len(g.features)
	for tried, i := 0, 0; i < all && tried < g.Tries; i++ {
		if g.Tries < all { // a feature that is constant in the node does not count as tried
			j := i + g.Random.IntN(all-i)
			g.features[i], g.features[j] = g.features[j], g.features[i]
		}
		f := g.features[i]
		g.fill(items, f)
		varies := false
		if g.bins.categorical(f) {
			varies = g.scanCodes(f, rows, &found)
		} else {
			varies = g.scan(f, rows, &found)
		}
		if varies {
			tried++
		}
	}
	return found
}

// fill counts the items by bin of feature f and by class, and lists in filled the cells that are not 0. For few items
// it marks these cells while it counts, because a look at every cell would take longer than the rows do.
func (g *ClassGrower) fill(items []Item, f int) {
	column, cells, shift := g.bins.columns[f], g.cells, g.shift
	g.filled = g.filled[:0]
	used := g.bins.values(f) << shift
	if len(items) >= used/2 {
		for _, it := range items {
			cells[uint32(column[it.Row])<<shift|it.Class] += it.Copies
		}
		for c, n := range cells[:used] {
			if n > 0 {
				g.filled = append(g.filled, uint32(c))
			}
		}
		return
	}
	for _, it := range items {
		c := uint32(column[it.Row])<<shift | it.Class
		cells[c] += it.Copies
		g.touched[c>>6] |= 1 << (c & 63)
		g.words[c>>12] |= 1 << (c >> 6 & 63)
	}
	for i, words := range g.words {
		g.words[i] = 0
		for ; words != 0; words &= words - 1 {
			w := i<<6 | bits.TrailingZeros64(words)
			set := g.touched[w]
			g.touched[w] = 0
			for ; set != 0; set &= set - 1 {
				g.filled = append(g.filled, uint32(w<<6|bits.TrailingZeros64(set)))
			}
		}
	}
}

// scan tries the cuts of feature f between any two bins that hold rows, keeps the best one in found, and clears the
// cells. It reports whether such a cut exists.
func (g *ClassGrower) scan(f, rows int, found *classSplit) bool {
	side := g.sides()
	leftRows := 0
	first := int(g.filled[0]) >> g.shift
	bin := first
	for _, c := range g.filled {
		if b := int(c) >> g.shift; b != bin {
			if leftRows >= g.MinRows && rows-leftRows >= g.MinRows {
				if score := side.score(g.entropy); found.feature < 0 || score > found.score {
					*found = classSplit{feature: f, left: bin, right: b, score: score}
				}
			}
			bin = b
		}
		n := int(g.cells[c])
		g.cells[c] = 0
		class := int(c) & (1<<g.shift - 1)
		leftRows += n
		if g.entropy == nil {
			side.moveGini(class, float64(n)*g.weights[class])
		} else {
			side.moveEntropy(class, float64(n), g.entropy)
		}
	}
	return bin != first
}

// sides holds the weights on both sides of a cut that moves to the right. leftSum and rightSum add up weight² (Gini) or
// weight·log2(weight) (entropy) over the classes of a side.
type sides struct {
	left, right             []float64
	leftSum, rightSum       float64
	leftWeight, rightWeight float64
}

// sides returns the sides before the first cut: the whole node is on the right.
func (g *ClassGrower) sides() sides {
	s := sides{left: g.left, right: g.right}
	for k, n := range g.total {
		w := float64(n) * g.weights[k]
		s.left[k], s.right[k] = 0, w
		s.rightWeight += w
		if g.entropy == nil {
			s.rightSum += w * w
		} else {
			s.rightSum += g.entropy[n]
		}
	}
	return s
}

// moveGini moves a weight w of class k from right to left.
func (s *sides) moveGini(k int, w float64) {
	s.leftSum += w * (2*s.left[k] + w)
	s.rightSum -= w * (2*s.right[k] - w)
	s.left[k] += w
	s.right[k] -= w
	s.leftWeight += w
	s.rightWeight -= w
}

// moveEntropy moves w rows of class k from right to left. Each row has the weight 1.
func (s *sides) moveEntropy(k int, w float64, table []float64) {
	s.leftSum += table[int(s.left[k]+w)] - table[int(s.left[k])]
	s.rightSum += table[int(s.right[k]-w)] - table[int(s.right[k])]
	s.left[k] += w
	s.right[k] -= w
	s.leftWeight += w
	s.rightWeight -= w
}

// score is higher for a purer pair of sides. Up to a constant it is the negative weighted impurity of both.
func (s *sides) score(table []float64) float64 {
	if table == nil {
		return s.leftSum/s.leftWeight + s.rightSum/s.rightWeight
	}
	return s.leftSum - table[int(s.leftWeight)] + s.rightSum - table[int(s.rightWeight)]
}

// entropyTable returns n·log2(n) for n from 0 to rows, in millionths and rounded to whole numbers. Sums of whole
// numbers are exact, so cuts that separate the classes equally well have equal scores.
func entropyTable(rows int) []float64 {
	table := make([]float64, rows+1)
	for n := 2; n <= rows; n++ {
		table[n] = math.Round(1e6 * float64(n) * math.Log2(float64(n)))
	}
	return table
}
