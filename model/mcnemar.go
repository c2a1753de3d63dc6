package model

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"iris/internal/dataset"
)

// Paired compares two models on the same rows. Only the rows that exactly one of them predicts right are evidence.
type Paired struct {
	OnlyFirst  int     // rows that only the first model predicts right
	OnlySecond int     // rows that only the second model predicts right
	P          float64 // the p-value of McNemar
}

// ComparePaired predicts every row with both models, each of which has the rows as a table of its own schema: see
// dataset.Recode. It returns an error unless the features and classes of a table are those of its model, in the same
// order, and both tables have the same rows.
func ComparePaired(first *Model, ofFirst *dataset.Table, second *Model, ofSecond *dataset.Table) (Paired, error) {
	if !first.fits(ofFirst) || !second.fits(ofSecond) {
		return Paired{}, fmt.Errorf("compare: %w: the data has other features or classes than a model", ErrDefect)
	}
	if !slices.Equal(ofFirst.Y, ofSecond.Y) || !slices.Equal(ofFirst.Schema.Classes, ofSecond.Schema.Classes) {
		return Paired{}, fmt.Errorf("compare: %w: the models have different rows", ErrDefect)
	}
	var paired Paired
	p := make([]float64, len(ofFirst.Schema.Classes))
	for r, y := range ofFirst.Y {
		a, b := first.Predict(ofFirst.Row(r), p) == y, second.Predict(ofSecond.Row(r), p) == y
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

// McNemar returns the two-sided p-value of McNemar's exact test, where b rows are right by the first model only and c
// by the second only. It is the probability of a split of the b+c rows at least as uneven as b to c, if each of them is
// equally likely to be right by either model. It is 1 if b+c is 0. It is never 0: the smallest float64 stands for
// anything below it.
//
// The test is that of McNemar, "Note on the sampling error of the difference between correlated proportions or
// percentages", Psychometrika 12, 1947. The exact form agrees with mcnemar(exact=True) of statsmodels.
func McNemar(b, c int) float64 {
	n, k := b+c, min(b, c)
	if 2*k == n { // the two tails overlap; also n = 0
		return 1
	}
	// The sum of C(n,i)/2^n for i from 0 to k is a regularised incomplete beta function.
	tail := mathext.RegIncBeta(float64(n-k), float64(k+1), 0.5)
	return min(1, max(2*tail, math.SmallestNonzeroFloat64))
}
