package model

import (
	"errors"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"iris/internal/dataset"
)

// Paired is how two models differ on the same rows: only the rows that one of them alone got right tell them apart.
type Paired struct {
	OnlyFirst  int     // rows that only the first predicted right
	OnlySecond int     // rows that only the second did
	P          float64 // McNemar's, see there
}

// ComparePaired predicts every row of t with both models, which must have its features and classes in its order.
func ComparePaired(first, second *Model, t *dataset.Table) (Paired, error) {
	for _, m := range []*Model{first, second} {
		if !slices.Equal(t.Schema.Features, m.schema.Features) || !slices.Equal(t.Schema.Classes, m.schema.Classes) {
			return Paired{}, errors.New("compare: the data has other features or classes than a model")
		}
	}
	var paired Paired
	p := make([]float64, len(t.Schema.Classes))
	for r, y := range t.Y {
		a, b := first.Predict(t.Row(r), p) == y, second.Predict(t.Row(r), p) == y
		switch {
		case a && !b:
			paired.OnlyFirst++
		case b && !a:
			paired.OnlySecond++
		}
	}
	paired.P = McNemar(paired.OnlyFirst, paired.OnlySecond)
	return paired, nil
}

// McNemar is the exact form of McNemar's test (Q. McNemar, Psychometrika 12, 1947; this form is statsmodels'
// mcnemar(exact=True)): how probable a split of the n = b+c rows at least as uneven as b to c is, to either side, if
// each of these rows was as likely to fall to the one as to the other. It is 1 when they differ on no row, and never 0,
// however
// uneven: what float64 cannot hold is its smallest number.
func McNemar(b, c int) float64 {
	n, k := b+c, min(b, c)
	if 2*k == n { // also n = 0; the two halves overlap
		return 1
	}
	// The sum of C(n,i)/2^n for i from 0 to k is a regularised incomplete beta function.
	tail := mathext.RegIncBeta(float64(n-k), float64(k+1), 0.5)
	return min(1, max(2*tail, math.SmallestNonzeroFloat64))
}

// MetricNames lists the metrics of the whole, sorted: the keys of Metrics.Summary.
func MetricNames() []string {
	return slices.Sorted(maps.Keys(Metrics{}.Summary()))
}
