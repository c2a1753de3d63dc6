package datasettest

import (
	"math"
	"math/rand/v2"
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

// VisitsTable returns rows of Visits. Members and cities tell something about the class.
func VisitsTable(rows int) *dataset.Table {
	t := &dataset.Table{Schema: Visits()}
	random := rand.New(rand.NewPCG(1, 2))
	for range rows {
		member, city := float64(random.IntN(2)), float64(random.IntN(5))
		row := []float64{
			float64(20 + random.IntN(50)), float64(random.IntN(100)), member, city,
			float64(random.IntN(4)), float64(random.IntN(20000)),
		}
		for i, c := range t.Schema.Columns {
			if c.Missing && random.IntN(5) == 0 {
				row[i] = math.NaN()
			}
		}
		y := 0
		if member+city/4+random.Float64() > 1.5 {
			y = 1
		}
		t.X, t.Y = append(t.X, row...), append(t.Y, y)
	}
	return t
}
