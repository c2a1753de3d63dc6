package dataset

import "math"

// ColumnProfile describes the values of one feature. No value is missing, because Scan refuses incomplete rows.
type ColumnProfile struct {
	Name      string    `json:"name"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	Mean      float64   `json:"mean"`
	Std       float64   `json:"std"` // of the population: the sum of squares is divided by the number of rows
	Histogram Histogram `json:"histogram"`
}

// Histogram counts the values of a feature in bins of equal width: bin i covers start + i·width to start +
// (i+1)·width, the end exclusive. The width is a power of two and the start a multiple of it. Both depend on the
// values alone, so the order of the values does not matter. A histogram has at most MaxBins bins, and at least half as
// many if the values differ by more than a rounding error. Its first and last bins are not empty.
type Histogram struct {
	Start  float64 `json:"start"`
	Width  float64 `json:"width"`
	Counts []int   `json:"counts" nullable:"false"`
}

// ClassCount is the number of rows of a class.
type ClassCount struct {
	Class string `json:"class"`
	Rows  int    `json:"rows"`
}

// Profile describes a dataset: its columns in feature order and its classes in class order.
type Profile struct {
	Rows    int             `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
	Classes []ClassCount    `json:"classes"`
}

// column accumulates the profile of a feature.
type column struct {
	min, max, mean float64
	squares        float64 // sum of squared deviations times bins.scale², which keeps a deviation from overflowing
	bins           bins
}

// add adds the value of row n, where share is 1/n. It uses Welford's update of the mean, which loses no precision to a
// large sum, and divides before it subtracts, so that values near the limits of float64 do not overflow.
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

// profile returns the profile of the added rows.
func (c *column) profile(name string, rows int) ColumnProfile {
	std := math.Ldexp(math.Sqrt(max(c.squares, 0)/float64(rows)), c.bins.exponent)
	return ColumnProfile{
		Name: name, Min: c.min, Max: c.max, Mean: c.mean,
		Std:       min(std, math.MaxFloat64), // rounding may exceed half of the largest range
		Histogram: c.bins.histogram(),
	}
}
