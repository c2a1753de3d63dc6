package model

import "slices"

// unlikely are the families that are not tried unless they are asked for: a single tree is seldom the best of them, and
// golearn's takes seconds on thousands of rows; a model by knn carries all its rows along, and few of them vote for a
// probability, so its log loss is high.
var unlikely = []Algorithm{DecisionTree, KNN}

// Candidates lists the families that are worth trying on so many rows, the cheapest first, equals by name. There is
// always one.
func Candidates(rows int) []Algorithm {
	tried := slices.DeleteFunc(Algorithms(), func(a Algorithm) bool {
		most := families[a].autoRows
		return slices.Contains(unlikely, a) || most > 0 && rows > most
	})
	slices.SortStableFunc(tried, func(a, b Algorithm) int { return Cost(a) - Cost(b) })
	return tried
}

// Cost is what a prediction with a model of a costs, roughly, in those of a logistic regression. It decides between
// families that predict equally well.
func Cost(a Algorithm) int { return families[a].cost }
