package datasettest

import (
	"math"
	"slices"

	"iris/internal/dataset"
)

// Visits returns a schema with a feature of each kind, some of which may be missing. The tests of all formats of rows
// use it.
func Visits() dataset.Schema {
	return dataset.Schema{
		Features: []string{"age", "fare", "member", "city", "zip", "since"},
		Label:    "bought", Classes: []string{"no", "yes"},
		Columns: []dataset.Column{
			{Kind: dataset.Numeric},
			{Kind: dataset.Numeric, Missing: true},
			{Kind: dataset.Boolean},
			{Kind: dataset.Categorical, Levels: []string{"Paris", "Rome", "3", "true"}},
			{Kind: dataset.Categorical, Levels: []string{"01234", "7.0", "1.50"}, Missing: true},
			{Kind: dataset.Datetime, Missing: true},
		},
	}
}

// SameRow reports whether two rows are equal. A missing value equals a missing value.
func SameRow(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}
