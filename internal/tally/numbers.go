package tally

import "math"

// Numbers describes numbers by their range, mean, standard deviation and histogram. The zero value has none.
type Numbers struct {
	Count          int
	Min, Max, Mean float64
	squares        float64 // sum of squared deviations times bins.scale², which keeps a deviation from overflowing
	bins           bins
}

// Add adds a number. It uses Welford's update of the mean, which loses no precision to a large sum, and divides before
// it subtracts, so that values near the limits of float64 do not overflow.
func (n *Numbers) Add(v float64) {
	n.AddShare(v, 1/float64(n.Count+1))
}

// AddShare is Add with the share of the number among all, 1/(n.Count+1), which callers with many columns compute once.
func (n *Numbers) AddShare(v, share float64) {
	if n.Count++; n.Count == 1 {
		n.Min, n.Max = v, v
	}
	n.Min, n.Max = min(n.Min, v), max(n.Max, v)
	before := n.Mean
	n.Mean += v*share - n.Mean*share
	if !n.bins.count(v) {
		wider := -n.bins.exponent
		n.bins.merge(binOf(v))
		wider += n.bins.exponent
		n.squares = math.Ldexp(n.squares, -2*wider)
	}
	x := v * n.bins.scale
	n.squares += (x - before*n.bins.scale) * (x - n.Mean*n.bins.scale)
}

// Std returns the standard deviation of the population: the sum of squares is divided by the count. It is 0 without
// numbers.
func (n *Numbers) Std() float64 {
	if n.Count == 0 {
		return 0
	}
	std := math.Ldexp(math.Sqrt(max(n.squares, 0)/float64(n.Count)), n.bins.exponent)
	return min(std, math.MaxFloat64) // rounding may exceed half of the largest range
}

// Histogram returns the histogram of the numbers.
func (n *Numbers) Histogram() Histogram { return n.bins.histogram() }
