package model

import (
	"fmt"
	"math"

	"iris/internal/dataset"
)

// standardise returns the mean and the scale, the standard deviation, of each feature. If the deviation is 0 or too
// small to divide by, the scale is 1. The standardised feature is then 0 in every training row, and its weights stay 0.
//
// The scale of codes, which are 0 and 1 here, is 1 too. The deviation of a level is lower the rarer it is, and one that
// is rare would outweigh all other features in a distance.
func standardise(t *dataset.Table) (mean, scale []float64) {
	mean, scale = moments(t)
	for f, variance := range scale {
		scale[f] = math.Sqrt(variance)
		if scale[f] < 1/maxMagnitude || t.Codes != nil && t.Codes[f] > 0 {
			scale[f] = 1
		}
	}
	return mean, scale
}

// moments returns the mean and the variance of each feature. It uses the update of Welford, "Note on a method for
// calculating corrected sums of squares and products", 1962. Its variance is accurate if the mean is large, and exactly
// 0 for a constant.
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

// inverses returns 1/scale, because a multiplication is several times as fast as a division. If a scale is too small
// for that, the greatest float64 replaces the inverse: any value except the mean is an extreme outlier either way.
func inverses(scale []float64) []float64 {
	all := make([]float64, len(scale))
	for f, v := range scale {
		all[f] = min(1/v, math.MaxFloat64)
	}
	return all
}

// checkScaling checks the scaling of an artifact: a finite mean and a finite scale above 0 per feature.
func checkScaling(mean, scale []float64) error {
	for f := range mean {
		if !within(mean[f], math.MaxFloat64) || !within(scale[f], math.MaxFloat64) || scale[f] <= 0 {
			return fmt.Errorf("feature %d: mean %v, scale %v", f, mean[f], scale[f])
		}
	}
	return nil
}

// within reports whether v is from -limit to limit. It is false for NaN.
func within(v, limit float64) bool { return math.Abs(v) <= limit }

// checkBounds checks that all values are within ±limit. The name describes a value in the error.
func checkBounds(name string, values []float64, limit float64) error {
	for i, v := range values {
		if !within(v, limit) {
			return fmt.Errorf("%s %d is %v, want a number within ±%v", name, i, v, limit)
		}
	}
	return nil
}

// standardiseRow sets z to the standardised values of the row x, clipped to ±limit.
func standardiseRow(z, x, mean, scale []float64, limit float64) {
	for f, v := range x {
		z[f] = max(-limit, min(limit, (v-mean[f])/scale[f]))
	}
}
