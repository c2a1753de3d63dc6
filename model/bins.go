package model

import (
	"context"
	"math/rand/v2"
	"slices"
	"sort"

	"iris/internal/dataset"
)

// maxBins is the most bins a feature is cut into: a bin's number fits in a byte.
const maxBins = 255

// binSample is how many rows the cuts between bins are chosen from at most. With 255 bins of equal weight, each then
// stands on some 128 rows.
const binSample = 1 << 15

// bins is a table as the learners of trees see it: each value replaced by the number of the bin it falls into, one
// column per feature. A tree that splits between two bins keeps a threshold between the training values on either side
// of the cut, so a prediction needs no bins. A feature of at most 255 distinct values (in the sample, which is all
// rows up to binSample) has one bin for each, and the trees are then those of an exact search.
//
// This is the histogram method of LightGBM (Ke et al., NIPS 2017), from SLIQ (Mehta et al., EDBT 1996).
type bins struct {
	rows    int
	columns [][]uint8   // feature by feature, a bin number per row
	low     [][]float64 // per feature and bin the least training value in it
	high    [][]float64 // and the greatest
}

// newBins cuts every feature of t. It returns ctx's error when that ends first.
func newBins(ctx context.Context, t *dataset.Table) (*bins, error) {
	features := len(t.Schema.Features)
	b := &bins{
		rows:    t.Rows(),
		columns: make([][]uint8, features),
		low:     make([][]float64, features), high: make([][]float64, features),
	}
	sample := sampleRows(t.Rows(), binSample)
	parallel(features, func(f int) {
		if ctx.Err() == nil {
			b.cut(t, f, sample)
		}
	})
	return b, ctx.Err()
}

// sampleRows returns at most limit of n rows, ascending. Its draw is the same every time: where the cuts lie is not a
// random choice that a user would want to vary.
func sampleRows(n, limit int) []int {
	picked := make([]int, 0, min(n, limit))
	random := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range n { // Knuth's algorithm S: row i with the probability that is left to it
		if need := limit - len(picked); need >= n-i || random.IntN(n-i) < need {
			picked = append(picked, i)
		}
	}
	return picked
}

// cut chooses the bins of feature f from the rows of the sample and numbers the values of all rows.
func (b *bins) cut(t *dataset.Table, f int, sample []int) {
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

// quantiles returns ascending cuts that divide the sorted values into at most maxBins bins: one per distinct value when
// they are few enough, else bins of about equal weight, none of which parts equal values. A value belongs right of a
// cut that it is equal to.
func quantiles(sorted []float64) []float64 {
	distinct := 1
	for i := 1; i < len(sorted); i++ {
		if sorted[i] != sorted[i-1] {
			distinct++
		}
	}
	cuts := make([]float64, 0, min(distinct, maxBins)-1)
	start := 0 // of the bin that is being filled
	for i := 1; i < len(sorted) && len(cuts) < maxBins-1; i++ {
		if sorted[i] == sorted[i-1] {
			continue
		}
		// What is left is shared by the bins that are left, so a value that fills several bins makes the others finer.
		if distinct <= maxBins || (i-start)*(maxBins-len(cuts)) >= len(sorted)-start {
			cuts = append(cuts, midpoint(sorted[i-1], sorted[i]))
			start = i
		}
	}
	return cuts
}

// upperBound returns how many of the ascending cuts are not above v.
func upperBound(cuts []float64, v float64) int {
	return sort.Search(len(cuts), func(i int) bool { return cuts[i] > v })
}

// midpoint returns a threshold between a and the greater b: below or at it, and above a, even where the two are
// neighbours or the greatest numbers there are.
func midpoint(a, b float64) float64 {
	if m := a/2 + b/2; m > a && m <= b {
		return m
	}
	return b
}

// threshold returns the number that parts the rows of bins up to left from those of bins from right on.
func (b *bins) threshold(f, left, right int) float64 {
	return midpoint(b.high[f][left], b.low[f][right])
}

// values is the number of bins of feature f.
func (b *bins) values(f int) int { return len(b.low[f]) }
