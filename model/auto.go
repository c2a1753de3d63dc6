package model

import "slices"

// Candidates lists the families that are worth trying on so many rows, the cheapest first, equals by name. There is
// always one.
func Candidates(rows int) []Algorithm {
	tried := slices.DeleteFunc(Algorithms(), func(a Algorithm) bool {
		most := families[a].autoRows
		return most > 0 && rows > most
	})
	slices.SortStableFunc(tried, func(a, b Algorithm) int { return Cost(a) - Cost(b) })
	return tried
}

// Cost is what a prediction with a model of a costs, roughly, in those of a logistic regression. It decides between
// families that predict equally well.
func Cost(a Algorithm) int { return families[a].cost }
