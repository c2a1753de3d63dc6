package model

import (
	"math"

	"iris/internal/dataset"
)

// standardise returns mean and standard deviation of each feature. A scale of 0, or so small that dividing by it means
// nothing, becomes 1: the standardised feature is then 0 in every training row and its weights stay 0.
func standardise(t *dataset.Table) (mean, scale []float64) {
	mean, scale = moments(t)
	for f, variance := range scale {
		scale[f] = math.Sqrt(variance)
		if scale[f] < 1/maxMagnitude {
			scale[f] = 1
		}
	}
	return mean, scale
}

// moments returns mean and variance of each feature by Welford's update, which keeps its digits when the mean is large
// and gives exactly 0 for a constant.
func moments(t *dataset.Table) (mean, variance []float64) {
	mean, variance = make([]float64, len(t.Schema.Features)), make([]float64, len(t.Schema.Features))
	for r := range t.Y {
		for f, v := range t.Row(r) {
			delta := v - mean[f]
			mean[f] += delta / float64(r+1)
			variance[f] += delta * (v - mean[f])
		}
	}
	for f := range variance {
		variance[f] /= float64(len(t.Y))
	}
	return mean, variance
}

// inverses returns what to multiply by instead of dividing by a scale, which takes several times as long. Where a scale
// is
// too small for that, any value but the mean itself is out of all proportion either way.
func inverses(scale []float64) []float64 {
	all := make([]float64, len(scale))
	for f, v := range scale {
		all[f] = min(1/v, math.MaxFloat64)
	}
	return all
}

// standardiseRow fills z with the standardised values of the row x, within ±limit.
func standardiseRow(z, x, mean, scale []float64, limit float64) {
	for f, v := range x {
		z[f] = max(-limit, min(limit, (v-mean[f])/scale[f]))
	}
}
