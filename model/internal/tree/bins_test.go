package tree

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"iris/internal/dataset/datasettest"
)

func TestQuantiles(t *testing.T) {
	spread := make([]float64, 10_000)
	for i := range spread {
		spread[i] = float64(i)
	}
	mostlyZero := make([]float64, 10_000)
	for i := range 1000 {
		mostlyZero[9000+i] = float64(i + 1)
	}
	tests := []struct {
		name   string
		sorted []float64
		cuts   int
	}{
		{"one value", []float64{3}, 0},
		{"constant", []float64{3, 3, 3}, 0},
		{"two values", []float64{-1, -1, 2}, 1},
		{"255 values", spread[:255], 254},
		{"256 values", spread[:256], 254},
		{"many", spread, 254},
		{"one value in most rows", mostlyZero, 254},
		{"the greatest", []float64{-math.MaxFloat64, math.MaxFloat64}, 1},
		{"the least", []float64{0, 5e-324, 1e-323}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cuts := quantiles(test.sorted)
			if len(cuts) != test.cuts {
				t.Fatalf("%d cuts, want %d", len(cuts), test.cuts)
			}
			for i, c := range cuts {
				if i > 0 && c <= cuts[i-1] || c <= test.sorted[0] || c > test.sorted[len(test.sorted)-1] {
					t.Fatalf("cut %d is %v, want cuts that ascend within the values", i, c)
				}
			}
			counts := make([]int, len(cuts)+1)
			for _, v := range test.sorted {
				counts[upperBound(cuts, v)]++
			}
			if slices.Contains(counts, 0) {
				t.Errorf("rows by bin %v, want none empty", counts)
			}
		})
	}
	many := quantiles(spread)
	counts := make([]int, len(many)+1)
	for _, v := range spread {
		counts[upperBound(many, v)]++
	}
	if slices.Max(counts) > 2*10_000/maxBins {
		t.Errorf("the fullest bin has %d of 10000 rows, want about 40", slices.Max(counts))
	}
}

// TestBins_partsAsThresholds checks that a threshold sends every training row to the side of its bin, including rows
// that are not in the sample.
func TestBins_partsAsThresholds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	rows := make([][]float64, binSample+5000)
	y := make([]int, len(rows))
	for r := range rows {
		v := random.NormFloat64()
		rows[r] = []float64{v, math.Round(2 * v), 1e150 * math.Tanh(v), 1 + v*1e-15, 7}
		y[r] = r % 2
	}
	data := datasettest.Table(y, rows...)
	b := newBins(t, data)
	for f := range data.Schema.Features {
		for left := range b.values(f) - 1 {
			threshold := b.threshold(f, left, left+1)
			for r := range rows {
				if below := rows[r][f] < threshold; below != (int(b.columns[f][r]) <= left) {
					t.Fatalf("feature %d: %v in bin %d is below %v: %v", f, rows[r][f], b.columns[f][r], threshold, below)
				}
			}
		}
	}
	if n := b.values(4); n != 1 {
		t.Errorf("%d bins for a constant, want 1", n)
	}
}

func TestNewBins_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewBins(ctx, datasettest.Noise(150, 4, 3, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestSampleRows(t *testing.T) {
	if got := SampleRows(5, 10); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("%v of 5 rows, want all", got)
	}
	got := SampleRows(1000, 10)
	if len(got) != 10 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != 10 || got[9] >= 1000 ||
		got[9] < 500 {
		t.Errorf("%v of 1000 rows, want ten distinct ones from the whole range", got)
	}
}
