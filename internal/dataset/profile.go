package dataset

import "math"

// ColumnProfile describes the values of one feature. None is missing: Scan takes no row without all of them.
type ColumnProfile struct {
	Name      string    `json:"name"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	Mean      float64   `json:"mean"`
	Std       float64   `json:"std"` // of the rows as they are, not an estimate for others: divided by their number
	Histogram Histogram `json:"histogram"`
}

// Histogram counts the values of a feature in bins of one width: bin i holds those from start + i·width up to, and
// without, start + (i+1)·width. The width is a power of two and the start a multiple of it, chosen by the values alone,
// so that the same values make the same histogram in whatever order they come. It has at most MaxBins bins, and no
// fewer than half of that where the values differ by more than a rounding error. The first and the last are not empty.
type Histogram struct {
	Start  float64 `json:"start"`
	Width  float64 `json:"width"`
	Counts []int   `json:"counts" nullable:"false"`
}

// ClassCount is how often a class occurs.
type ClassCount struct {
	Class string `json:"class"`
	Rows  int    `json:"rows"`
}

// Profile describes a dataset: its columns in feature order, its classes in
// class order.
type Profile struct {
	Rows    int             `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
	Classes []ClassCount    `json:"classes"`
}

// column is the profile of a feature while its rows are read.
type column struct {
	min, max, mean float64
	squares        float64 // sum of the squared distances from the mean, in units of bins.scale²: no distance overflows there
	bins           bins
}

// add takes the value of row n, where share is 1/n. The mean is updated as Welford does it, which loses nothing to a
// large sum, but divided before it is subtracted, so that values near the ends of float64 don't overflow.
func (c *column) add(v, share float64) {
	if share == 1 {
		c.min, c.max = v, v
	}
	c.min, c.max = min(c.min, v), max(c.max, v)
	before := c.mean
	c.mean += v*share - c.mean*share
	if !c.bins.count(v) {
		wider := -c.bins.exponent
		c.bins.merge(binOf(v))
		wider += c.bins.exponent
		c.squares = math.Ldexp(c.squares, -2*wider)
	}
	x := v * c.bins.scale
	c.squares += (x - before*c.bins.scale) * (x - c.mean*c.bins.scale)
}

// profile is what the rows that were added say of the feature.
func (c *column) profile(name string, rows int) ColumnProfile {
	std := math.Ldexp(math.Sqrt(max(c.squares, 0)/float64(rows)), c.bins.exponent)
	return ColumnProfile{
		Name: name, Min: c.min, Max: c.max, Mean: c.mean,
		Std:       min(std, math.MaxFloat64), // a rounding error beyond half of the largest range there is
		Histogram: c.bins.histogram(),
	}
}
