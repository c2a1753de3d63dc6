package datasettest

import (
	"fmt"
	"math/rand/v2"

	"iris/internal/dataset"
)

// Table returns a table of the given rows. Its features are f0, f1, …, and its classes are a, b, …, as many as y needs
// but at least two. Its label is class.
func Table(y []int, rows ...[]float64) *dataset.Table {
	t := &dataset.Table{Schema: dataset.Schema{Label: "class"}, Y: y}
	for f := range rows[0] {
		t.Schema.Features = append(t.Schema.Features, fmt.Sprintf("f%d", f))
	}
	classes := 2
	for i, row := range rows {
		t.X = append(t.X, row...)
		classes = max(classes, y[i]+1)
	}
	for k := range classes {
		t.Schema.Classes = append(t.Schema.Classes, string(rune('a'+k)))
	}
	return t
}

// Noise returns a table of normally distributed values. Class k shifts every feature whose index is k modulo classes
// by signal standard deviations. The same arguments give the same table.
func Noise(rows, features, classes int, signal float64) *dataset.Table {
	random := rand.New(rand.NewPCG(1, 2))
	x, y := make([][]float64, rows), make([]int, rows)
	for r := range x {
		y[r] = r % classes
		x[r] = make([]float64, features)
		for f := range x[r] {
			x[r][f] = random.NormFloat64()
			if f%classes == y[r] {
				x[r][f] += signal
			}
		}
	}
	return Table(y, x...)
}
