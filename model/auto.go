package model

import "slices"

// unlikely lists the families that Candidates leaves out. A single tree is seldom the best model, and golearn takes
// seconds to fit one to thousands of rows. A knn model holds all of its rows, and its log loss is high because a
// probability comes from few votes.
var unlikely = []Algorithm{DecisionTree, KNN}

// Candidates returns the families that are worth trying on that many rows, by ascending Cost and then by name. The list
// is never empty.
func Candidates(rows int) []Algorithm {
	tried := slices.DeleteFunc(Algorithms(), func(a Algorithm) bool {
		limit := families[a].autoRows
		return slices.Contains(unlikely, a) || limit > 0 && rows > limit
	})
	slices.SortStableFunc(tried, func(a, b Algorithm) int { return Cost(a) - Cost(b) })
	return tried
}

// Cost returns roughly what a prediction with a model of a costs, where that of a logistic regression costs 1. It
// decides between families that predict equally well. An unknown algorithm costs 0.
func Cost(a Algorithm) int { return families[a].cost }
