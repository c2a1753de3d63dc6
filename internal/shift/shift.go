// Package shift compares the held-out rows of a table with those for training. A hash divides the rows, so they differ
// by more than chance where many rows are equal: equal rows are on one side.
package shift

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
)

const (
	chance      = 0.0001  // of any warning, at most, if a table without equal rows is divided at random
	minDistance = 0.1     // below which a difference does not matter, however certain it is
	maxRows     = 20_000  // rows of a side that are compared, evenly spread
	maxCells    = 4 << 20 // of those rows
	most        = 20      // warnings
)

// Find warns of the features and the classes whose values have another distribution among the held-out rows than among
// those for training, the largest difference first. The measure is the largest distance between the two cumulative
// distributions (Kolmogorov and Smirnov). It must exceed the bound of Smirnov's test for all columns together
// (Bonferroni), which ties only make stricter, and minDistance. Levels are compared in the order of their codes, and a
// missing value is below all others.
func Find(t *dataset.Table, train, held []int) []dataset.Warning {
	rows := min(maxRows, max(1, maxCells/len(t.Schema.Features)))
	train, held = spread(train, rows), spread(held, rows)
	bound := max(minDistance, critical(len(train), len(held), chance/float64(len(t.Schema.Features)+1)))
	type shifted struct {
		column   string
		distance float64
	}
	var found []shifted
	compare := func(column string, value func(row int) float64) {
		if d := distance(values(train, value), values(held, value)); d > bound {
			found = append(found, shifted{column, d})
		}
	}
	compare(t.Schema.Label, func(row int) float64 { return float64(t.Y[row]) })
	for i, name := range t.Schema.Features {
		compare(name, func(row int) float64 { return t.Row(row)[i] })
	}
	slices.SortStableFunc(found, func(a, b shifted) int { return cmp.Compare(b.distance, a.distance) })
	var warnings []dataset.Warning
	for _, s := range found[:min(len(found), most)] {
		warnings = append(warnings, dataset.Warning{
			Severity: dataset.Alert,
			Code:     dataset.CodeShift,
			Column:   s.column,
			Message: fmt.Sprintf(
				"is distributed differently among the held-out rows (distance %.2f), so the metrics may not hold "+
					"for other rows: equal rows are held out together, so look for rows that occur many times",
				s.distance,
			),
		})
	}
	return warnings
}

// spread returns up to n of rows, evenly spread over them.
func spread(rows []int, n int) []int {
	step := max(1, (len(rows)+n-1)/n)
	var some []int
	for i := 0; i < len(rows); i += step {
		some = append(some, rows[i])
	}
	return some
}

// values returns the values of rows, sorted.
func values(rows []int, value func(row int) float64) []float64 {
	v := make([]float64, len(rows))
	for i, row := range rows {
		if v[i] = value(row); v[i] != v[i] {
			v[i] = math.Inf(-1)
		}
	}
	slices.Sort(v)
	return v
}

// distance returns the largest distance between the cumulative distributions of two sorted samples.
func distance(a, b []float64) float64 {
	largest, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		at := min(a[i], b[j])
		for i < len(a) && a[i] == at {
			i++
		}
		for j < len(b) && b[j] == at {
			j++
		}
		largest = max(largest, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return largest
}

// critical returns the distance that two samples of one distribution exceed with a probability of about alpha.
func critical(n, m int, alpha float64) float64 {
	if n == 0 || m == 0 {
		return 1
	}
	a, b := float64(n), float64(m)
	return math.Sqrt(-math.Log(alpha/2) / 2 * (a + b) / (a * b))
}
