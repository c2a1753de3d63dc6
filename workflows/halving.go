package workflows

import (
	"math"
	"slices"
)

// keepOneIn is how many trials of a rung there are for each that goes on to the next one, and how many times the rows
// that one is tried on.
const keepOneIn = 3

// Limits of rungs. With fewer rows the ranking would be noise; with more rungs the first would be.
const (
	minRungRows    = 100
	minRowsOfClass = 20
	maxRungs       = 5
)

// rungs plans a halving: how many trials each rung has, the first the most, at most budget in all. The last rung is
// tried on all rows, each other on a third of the next one's.
func rungs(budget, rows, classes int) []int {
	least := max(minRungRows, minRowsOfClass*classes)
	most := 1
	for r := rows / keepOneIn; most < maxRungs && r >= least; r /= keepOneIn {
		most++
	}
	for count := most; count > 1; count-- {
		for first := budget; first > 1; first-- {
			if plan := rungsFrom(first, count); sum(plan) <= budget {
				if plan[count-1] > 1 { // a rung of one would have nothing to decide
					return plan
				}
				break
			}
		}
	}
	return []int{budget}
}

// rungsFrom plans count rungs of which the first has so many trials.
func rungsFrom(first, count int) []int {
	plan := make([]int, count)
	for i := range plan {
		plan[i] = first
		first = (first + keepOneIn - 1) / keepOneIn
	}
	return plan
}

// rungShare is the share of the rows that rung i of count is tried on.
func rungShare(i, count int) float64 { return math.Pow(keepOneIn, float64(i+1-count)) }

func sum(list []int) (total int) {
	for _, v := range list {
		total += v
	}
	return total
}

// ranked lists the trials that have a score, best first, equals in their order.
func ranked(trials []Trial, metric Metric) []Trial {
	scored := slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return t.Score == nil })
	slices.SortStableFunc(scored, func(a, b Trial) int {
		switch {
		case metric.better(a.Score.Mean, b.Score.Mean):
			return -1
		case metric.better(b.Score.Mean, a.Score.Mean):
			return 1
		}
		return 0
	})
	return scored
}
