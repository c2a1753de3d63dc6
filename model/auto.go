package model

import "slices"

// unlikely lists the families that Candidates leaves out. A single tree is seldom the best model, and golearn takes
// seconds to fit one to thousands of rows. A knn model holds all of its rows, and its log loss is high because a
// probability comes from few votes. An ensemble is made of what the others predict.
var unlikely = []Algorithm{DecisionTree, Ensemble, KNN}

// Candidates returns the families that are worth trying on that many rows, by ascending cost and then by name. The list
// is never empty.
func Candidates(rows int) []Algorithm {
	tried := slices.DeleteFunc(Algorithms(), func(a Algorithm) bool {
		limit := families[a].autoRows
		return slices.Contains(unlikely, a) || limit > 0 && rows > limit
	})
	slices.SortStableFunc(tried, func(a, b Algorithm) int { return families[a].cost - families[b].cost })
	return tried
}

// Cost returns roughly what a prediction with a model of s costs, where that of a logistic regression costs 1. It
// decides between models that predict equally well. That of an ensemble is the sum of its members', and that of a spec
// that does not resolve is 0.
func (s Spec) Cost() int {
	if s.Algorithm != Ensemble {
		return families[s.Algorithm].cost
	}
	_, values, err := s.resolve()
	if err != nil {
		return 0
	}
	cost := 0
	for _, m := range values["members"].(ensembleMembers) {
		cost += families[m.Algorithm].cost
	}
	return cost
}
