package tree

import (
	"cmp"
	"math"
	"slices"
)

// classLevel is a level of a categorical feature in a node.
type classLevel struct {
	code       int
	first, end int // its cells in ClassGrower.filled
	key        float64
}

// scanCodes is scan for a categorical feature: it puts the levels in an order and tries the cuts of that order.
//
// For two classes the order is that of the share of the second class, and one of the cuts is the best of all subsets
// (Breiman et al., "Classification and regression trees", 1984, section 4.2.2). For more classes it is the order along
// the first principal component of the shares (Coppersmith, Hong and Hosking, "Partitioning nominal attributes in
// decision trees", Data Mining and Knowledge Discovery 3, 1999).
func (g *ClassGrower) scanCodes(f, rows int, found *classSplit) bool {
	g.order()
	side := g.sides()
	leftRows, bestRows, moreRight := 0, 0, false
	var codes, best Subset
	chance := g.chance()
	for i, l := range g.levels {
		if i > 0 && leftRows >= g.MinRows && rows-leftRows >= g.MinRows {
			if score := side.score(g.entropy) - chance; found.feature < 0 || score > found.score {
				*found = classSplit{feature: f, score: score}
				best, bestRows = codes, leftRows
			}
		}
		for _, c := range g.filled[l.first:l.end] {
			n, class := int(g.cells[c]), int(c)&(1<<g.shift-1)
			g.cells[c] = 0
			leftRows += n
			if g.entropy == nil {
				side.moveGini(class, float64(n)*g.weights[class])
			} else {
				side.moveEntropy(class, float64(n), g.entropy)
			}
		}
		codes |= 1 << l.code
	}
	if best != 0 {
		moreRight = rows-bestRows > bestRows
		found.subset = rightOf(best, codes, g.bins.codes[f], moreRight)
	}
	return len(g.levels) > 1
}

// order sets levels to the levels with rows in the order of the search. filled and cells describe them.
func (g *ClassGrower) order() {
	g.levels = g.levels[:0]
	for i, c := range g.filled {
		code := int(c) >> g.shift
		if n := len(g.levels); n == 0 || g.levels[n-1].code != code {
			g.levels = append(g.levels, classLevel{code: code, first: i})
		}
		g.levels[len(g.levels)-1].end = i + 1
	}
	if len(g.weights) == 2 {
		g.axis[0], g.axis[1] = 0, 1
	} else {
		g.principal()
	}
	for i := range g.levels {
		l := &g.levels[i]
		l.key = g.along(l)
	}
	slices.SortFunc(g.levels, func(a, b classLevel) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.code, b.code))
	})
}

// chance returns what the levels of a node beyond fewLevels add to the score of the best subset by chance; see
// levelGain. The mean gain by chance of a split is the impurity, for Gini, and 1/(2 ln 2) bits for the entropy.
func (g *ClassGrower) chance() float64 {
	if len(g.levels) <= fewLevels {
		return 0
	}
	rows, squares := 0.0, 0.0
	for k, n := range g.total {
		w := float64(n) * g.weights[k]
		rows += w
		squares += w * w
	}
	impurity := 1 - squares/(rows*rows)
	if g.entropy != nil {
		impurity = 1e6 / (2 * math.Ln2) // the table is in millionths
	}
	return levelGain * impurity * float64(len(g.levels)-fewLevels)
}

// weight returns the class of a cell and the weight of its rows.
func (g *ClassGrower) weight(cell uint32) (class int, w float64) {
	class = int(cell) & (1<<g.shift - 1)
	return class, float64(g.cells[cell]) * g.weights[class]
}

// along returns the sum over the classes of their share in a level times axis.
func (g *ClassGrower) along(l *classLevel) float64 {
	sum, all := 0.0, 0.0
	for _, c := range g.filled[l.first:l.end] {
		k, w := g.weight(c)
		sum += w * g.axis[k]
		all += w
	}
	return sum / all
}

// axisRounds is the number of rounds of the power iteration in principal. Its result only puts levels in order, so a
// few rounds are enough.
const axisRounds = 8

// principal sets axis to the first principal component of the shares of the classes in the levels, each weighted by its
// rows. It uses left and right as scratch.
func (g *ClassGrower) principal() {
	mean, next := g.left, g.right
	all, most := 0.0, 0
	for k, n := range g.total {
		mean[k] = float64(n) * g.weights[k]
		all += mean[k]
		if mean[k] > mean[most] {
			most = k
		}
	}
	clear(g.axis)
	g.axis[most] = 1
	for range axisRounds {
		centre := 0.0
		for k, m := range mean {
			centre += m / all * g.axis[k]
		}
		clear(next)
		greatest := 0.0
		for i := range g.levels {
			l := &g.levels[i]
			at := g.along(l) - centre
			for _, c := range g.filled[l.first:l.end] {
				k, w := g.weight(c)
				next[k] += w * at
			}
		}
		for _, v := range next {
			greatest = max(greatest, v, -v)
		}
		if greatest == 0 { // the largest class has the same share in all levels
			return
		}
		for k, v := range next {
			g.axis[k] = v / greatest
		}
	}
}
