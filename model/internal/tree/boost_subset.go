package tree

import (
	"cmp"
	"math"
	"slices"
)

// Constants of splits by subset in boosting. The values are the defaults of LightGBM for cat_smooth, cat_l2 and
// max_cat_to_onehot. See docs/decisions/0034-subsets-of-levels.md.
const (
	levelSmoothing = 10.0 // added to the second derivatives of a level where levels are put in order
	subsetL2       = 10.0 // penalty on the values of the leaves of a subset, beside BoostGrower.L2
	fewLevels      = 4    // a node of at most that many levels is split as if neither existed
)

// minLevelRows is the minimum number of rows of a level in a node. The levels with fewer rows form one group, which a
// split does not divide.
const minLevelRows = 10

// levelGain is what each level of a node beyond fewLevels adds to the gain of the best subset by chance alone. A split
// that does not depend on the data gains 1 on average. The best subset has the levels above the mean on one side, so a
// level adds the square of the mean of |z|, where z is normal. Both growers subtract it. Otherwise a feature with many
// levels wins over a feature that tells more.
const levelGain = 2 / math.Pi

// level is a level in a node, or the group of the levels with few rows.
type level struct {
	codes Subset
	sum   gradientSum
	key   float64
}

// scanCodes returns the best subset of the codes of categorical feature f. It sorts the levels by the ratio of their
// derivatives and tries the cuts of that order. Without smoothing and penalty, one of them is the best of all subsets
// (Fisher, "On grouping for maximum homogeneity", Journal of the American Statistical Association 53, 1958). LightGBM
// and scikit-learn's histogram gradient boosting split in this way.
func (g *BoostGrower) scanCodes(f int, h *[256]gradientSum, all gradientSum) boostSplit {
	best := boostSplit{feature: f}
	var room [MaxCodes + 1]level
	levels := g.levels(room[:0], h[:g.bins.codes[f]])
	smoothing, l2 := levelSmoothing, g.L2+subsetL2
	if len(levels) <= fewLevels {
		smoothing, l2 = 0, g.L2
	}
	allFirst, allSecond := float64(all.first)*g.FirstUnit, float64(all.second())*g.SecondUnit
	g.order(levels, allFirst/math.Max(allSecond, math.SmallestNonzeroFloat64), smoothing)
	unsplit := allFirst * allFirst / math.Max(allSecond+g.L2, math.SmallestNonzeroFloat64)
	unsplit += levelGain * float64(max(0, len(levels)-fewLevels))
	rows := all.rows()
	var left gradientSum
	var codes, bestCodes Subset
	for _, l := range levels {
		if leftRows := left.rows(); leftRows >= g.MinRows && rows-leftRows >= g.MinRows {
			first, second := float64(left.first)*g.FirstUnit, float64(left.second())*g.SecondUnit
			first2, second2 := allFirst-first, allSecond-second
			if second >= g.MinSecond && second2 >= g.MinSecond {
				gain := first*first/(second+l2) + first2*first2/(second2+l2) - unsplit
				if gain > best.gain {
					best.gain, best.sum, bestCodes = gain, left, codes
				}
			}
		}
		left = left.plus(l.sum)
		codes |= l.codes
	}
	if best.gain > 0 {
		leftRows := best.sum.rows()
		best.l2 = l2 - g.L2
		best.subset = rightOf(bestCodes, codes, g.bins.codes[f], rows-leftRows > leftRows)
	}
	return best
}

// levels appends the levels that have rows to empty.
func (g *BoostGrower) levels(empty []level, sums []gradientSum) []level {
	var few level
	for c, sum := range sums {
		switch n := sum.rows(); {
		case n == 0:
		case n < minLevelRows:
			few.codes |= 1 << c
			few.sum = few.sum.plus(sum)
		default:
			empty = append(empty, level{codes: 1 << c, sum: sum})
		}
	}
	if few.codes != 0 {
		empty = append(empty, few)
	}
	return empty
}

// order sorts levels by the ratio of their derivatives. Smoothing pulls a level towards the mean of the node, the more
// the fewer rows it has.
func (g *BoostGrower) order(levels []level, mean, smoothing float64) {
	for i := range levels {
		l := &levels[i]
		first, second := float64(l.sum.first)*g.FirstUnit, float64(l.sum.second())*g.SecondUnit
		l.key = (first - mean*second) / math.Max(second+smoothing, math.SmallestNonzeroFloat64)
	}
	slices.SortFunc(levels, func(a, b level) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.codes, b.codes))
	})
}
