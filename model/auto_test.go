package model

import (
	"slices"
	"testing"
)

func TestCandidates_theCheapestFirst(t *testing.T) {
	for _, rows := range []int{10, 20_000, 20_001, 1 << 30} {
		got := Candidates(rows)
		if !slices.Contains(got, LogisticRegression) || slices.Contains(got, DecisionTree) || slices.Contains(got, KNN) {
			t.Errorf("on %d rows the candidates are %v, want logistic_regression, and neither decision_tree nor knn", rows, got)
		}
		if !slices.IsSortedFunc(
			got,
			func(a, b Algorithm) int { return Spec{Algorithm: a}.Cost() - Spec{Algorithm: b}.Cost() },
		) {
			t.Errorf("on %d rows the candidates are %v, want the cheapest first", rows, got)
		}
	}
}

func TestCandidates_skipsFamiliesAboveTheirRows(t *testing.T) {
	slow := families[GBDT]
	defer func(f family) { families[GBDT] = f }(slow)
	slow.autoRows = 100
	families[GBDT] = slow
	if got := Candidates(100); !slices.Contains(got, GBDT) {
		t.Errorf("on 100 rows the candidates are %v, want gbdt among them", got)
	}
	if got := Candidates(101); slices.Contains(got, GBDT) {
		t.Errorf("on 101 rows the candidates are %v, want no gbdt", got)
	}
}

func TestCost_everyFamilyHasOne(t *testing.T) {
	for _, a := range Algorithms() {
		if cost := (Spec{Algorithm: a}).Cost(); cost < 1 {
			t.Errorf("%s costs %d, want at least 1", a, cost)
		}
	}
}
