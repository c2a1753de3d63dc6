package tree

import "math"

// Limits restrict the trees of a BoostGrower. The zero value restricts nothing.
type Limits struct {
	// Monotone has, per feature, 1 if a score must not fall where the feature rises, -1 if it must not rise, and 0 if it
	// may do either. A categorical feature has 0. It is nil if all features have 0.
	Monotone []int8
	// Groups has, per feature, the groups that it belongs to, one bit each. All features on a way from the root to a leaf
	// are in one group. It is nil if any features may meet.
	Groups []uint64
}

// span is what the value of a leaf must lie between, so that scores stay monotone. The method is the basic one of
// LightGBM: a split on a monotone feature keeps the values of the two sides apart at the middle between them.
type span struct{ low, high float64 }

func anyValue() span { return span{math.Inf(-1), math.Inf(1)} }

func (s span) clamp(v float64) float64 { return min(max(v, s.low), s.high) }

// allows reports whether a leaf may be split on feature f.
func (g *BoostGrower) allows(l *BoostLeaf, f int) bool {
	return g.Limits.Groups == nil || l.groups&g.Limits.Groups[f] != 0
}

// restrict sets the limits of the two sides of a split of leaf l.
func (g *BoostGrower) restrict(l, left, right *BoostLeaf) {
	f := l.split.feature
	left.span, right.span = l.span, l.span
	left.groups, right.groups = l.groups, l.groups
	if g.Limits.Groups != nil {
		left.groups &= g.Limits.Groups[f]
		right.groups = left.groups
	}
	if g.Limits.Monotone == nil || g.Limits.Monotone[f] == 0 {
		return
	}
	middle := g.value(left, g.L2+left.l2)/2 + g.value(right, g.L2+right.l2)/2
	if g.Limits.Monotone[f] > 0 {
		left.span.high, right.span.low = min(left.span.high, middle), max(right.span.low, middle)
	} else {
		left.span.low, right.span.high = max(left.span.low, middle), min(right.span.high, middle)
	}
}

// reduction returns by how much a leaf with these derivatives lowers the loss, twice, if it has this value.
func reduction(first, second, value float64) float64 { return -(2*first + second*value) * value }

// scanMonotone is scan for a leaf whose values are limited. It skips cuts that put the sides in the wrong order.
func (g *BoostGrower) scanMonotone(f int, h *[256]gradientSum, bins int, l *BoostLeaf) boostSplit {
	best := boostSplit{feature: f}
	all, direction := l.sum, float64(g.Limits.Monotone[f])
	allFirst, allSecond := float64(all.first)*g.FirstUnit, float64(all.second())*g.SecondUnit
	value := func(first, second float64) float64 {
		if second+g.L2 <= 0 {
			return l.span.clamp(0)
		}
		return l.span.clamp(-first / (second + g.L2))
	}
	unsplit := reduction(allFirst, allSecond+g.L2, value(allFirst, allSecond))
	rows := all.rows()
	var left gradientSum
	bin := 0 // the last one with rows
	for b := range h[:bins] {
		if h[b].rows() == 0 {
			continue
		}
		if leftRows := left.rows(); leftRows >= g.MinRows && rows-leftRows >= g.MinRows {
			first, second := float64(left.first)*g.FirstUnit, float64(left.second())*g.SecondUnit
			first2, second2 := allFirst-first, allSecond-second
			v, v2 := value(first, second), value(first2, second2)
			if second >= g.MinSecond && second2 >= g.MinSecond && direction*(v2-v) >= 0 {
				gain := reduction(first, second+g.L2, v) + reduction(first2, second2+g.L2, v2) - unsplit
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
