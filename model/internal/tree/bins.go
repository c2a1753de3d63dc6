package tree

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"iris/internal/dataset"
	"iris/model/internal/parallel"
)

// maxBins is the maximum number of bins per feature, so that a bin number fits into a byte.
const maxBins = 255

// binSample is the maximum number of rows that the cuts between bins are chosen from. With 255 bins of equal weight,
// about 128 of these rows fall into each bin.
const binSample = 1 << 15

// Bins is a table as the growers see it: each value is replaced by the number of its bin, and the values of a feature
// are stored together. A tree that splits between two bins keeps a threshold between the training values on either side
// of the cut, so a prediction does not need the bins. A feature of at most 255 distinct values has one bin per value,
// and its splits are those of an exact search. The distinct values are counted in a sample of the rows, which is all
// rows up to binSample. The bins of a categorical feature are its codes.
//
// The histogram method is that of LightGBM (Ke et al., "LightGBM: a highly efficient gradient boosting decision tree",
// NIPS 2017). It goes back to SLIQ (Mehta, Agrawal and Rissanen, "SLIQ: a fast scalable classifier for data mining",
// EDBT 1996).
type Bins struct {
	rows    int
	codes   []int       // per feature: the number of codes, 0 for a number; nil if all are numbers
	columns [][]uint8   // per feature: the bin number, or the code, of each row
	low     [][]float64 // per feature and bin: the lowest training value in it
	high    [][]float64 // per feature and bin: the highest training value in it
}

// NewBins bins every feature of t. If ctx ends first, it returns the error of ctx.
func NewBins(ctx context.Context, t *dataset.Table) (*Bins, error) {
	features := len(t.Schema.Features)
	if err := checkCodes(t); err != nil {
		return nil, err
	}
	b := &Bins{
		rows:    t.Rows(),
		codes:   t.Codes,
		columns: make([][]uint8, features),
		low:     make([][]float64, features), high: make([][]float64, features),
	}
	sample := SampleRows(t.Rows(), binSample)
	parallel.For(features, func(f int) {
		switch {
		case ctx.Err() != nil:
		case b.categorical(f):
			b.copyCodes(t, f)
		default:
			b.cut(t, f, sample)
		}
	})
	return b, ctx.Err()
}

// checkCodes checks that the values of the categorical features are codes.
func checkCodes(t *dataset.Table) error {
	features := len(t.Schema.Features)
	if err := CheckCodes(t.Codes, features); err != nil {
		return err
	}
	for f, n := range t.Codes {
		if n == 0 {
			continue
		}
		for r := range t.Y {
			if v := t.X[r*features+f]; !(v >= 0 && v < float64(n) && v == math.Trunc(v)) {
				return fmt.Errorf("row %d: %s is %v, want one of %d codes", r+1, t.Schema.Features[f], v, n)
			}
		}
	}
	return nil
}

// categorical reports whether feature f is categorical.
func (b *Bins) categorical(f int) bool { return b.codes != nil && b.codes[f] > 0 }

// copyCodes sets the bins of categorical feature f to its codes.
func (b *Bins) copyCodes(t *dataset.Table, f int) {
	features := len(t.Schema.Features)
	column := make([]uint8, b.rows)
	for r := range column {
		column[r] = uint8(t.X[r*features+f])
	}
	b.columns[f] = column
}

// Features returns the number of features.
func (b *Bins) Features() int { return len(b.columns) }

// SampleRows draws at most limit of n row indices and returns them in ascending order. The same arguments give the same
// sample. Users have no reason to vary where the cuts are, so the sample does not depend on a seed.
//
// The method is selection sampling (Knuth, "The art of computer programming", volume 2, algorithm 3.4.2S).
func SampleRows(n, limit int) []int {
	picked := make([]int, 0, min(n, limit))
	random := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range n {
		if need := limit - len(picked); need >= n-i || random.IntN(n-i) < need {
			picked = append(picked, i)
		}
	}
	return picked
}

// cut chooses the bins of feature f from the sampled rows and numbers the values of all rows.
func (b *Bins) cut(t *dataset.Table, f int, sample []int) {
	features := len(t.Schema.Features)
	values := make([]float64, len(sample))
	for i, r := range sample {
		values[i] = t.X[r*features+f]
	}
	slices.Sort(values)
	cuts := quantiles(values)

	column := make([]uint8, b.rows)
	low, high := make([]float64, len(cuts)+1), make([]float64, len(cuts)+1)
	seen := make([]bool, len(cuts)+1)
	for r := range column {
		v := t.X[r*features+f]
		bin := upperBound(cuts, v)
		column[r] = uint8(bin)
		if !seen[bin] {
			low[bin], high[bin], seen[bin] = v, v, true
		} else if v < low[bin] {
			low[bin] = v
		} else if v > high[bin] {
			high[bin] = v
		}
	}
	b.columns[f], b.low[f], b.high[f] = column, low, high
}

// quantiles returns ascending cuts that divide sorted values into at most maxBins bins. If there are few enough
// distinct values, each gets its own bin. Otherwise the bins have about equal weight, and equal values share a bin. A
// value that equals a cut belongs to the right of it.
func quantiles(sorted []float64) []float64 {
	distinct := 1
	for i := 1; i < len(sorted); i++ {
		if sorted[i] != sorted[i-1] {
			distinct++
		}
	}
	cuts := make([]float64, 0, min(distinct, maxBins)-1)
	start := 0 // of the current bin
	for i := 1; i < len(sorted) && len(cuts) < maxBins-1; i++ {
		if sorted[i] == sorted[i-1] {
			continue
		}
		// The remaining bins share the remaining values, so a value that would fill several bins makes the others finer.
		if distinct <= maxBins || (i-start)*(maxBins-len(cuts)) >= len(sorted)-start {
			cuts = append(cuts, midpoint(sorted[i-1], sorted[i]))
			start = i
		}
	}
	return cuts
}

// upperBound returns how many of the ascending cuts are at most v.
func upperBound(cuts []float64, v float64) int {
	return sort.Search(len(cuts), func(i int) bool { return cuts[i] > v })
}

// midpoint returns a threshold above a and at most b, where a < b. It holds for adjacent numbers and for the largest
// ones too.
func midpoint(a, b float64) float64 {
	if m := a/2 + b/2; m > a && m <= b {
		return m
	}
	return b
}

// threshold returns a number that separates the rows of the bins up to left from the rows of the bins from right on.
func (b *Bins) threshold(f, left, right int) float64 {
	return midpoint(b.high[f][left], b.low[f][right])
}

// values returns the number of bins of feature f.
func (b *Bins) values(f int) int {
	if b.categorical(f) {
		return b.codes[f]
	}
	return len(b.low[f])
}

// goesLeft returns 1 if a row in that bin goes left of a split after the bin left, and 0 otherwise. A loop adds the
// result up, which takes no branch that a processor could mispredict.
func goesLeft(bin uint8, left int) int {
	n := 0
	if int(bin) <= left {
		n = 1
	}
	return n
}
