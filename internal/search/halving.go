package search

import "math"

// keepOneIn is how many trials of a rung compete for each place in the next rung, and how many times more rows the next
// rung uses.
const keepOneIn = 3

// Limits of rungs. With fewer rows the ranking is noise; with more rungs the first rung has too few rows.
const (
	minRungRows    = 100
	minRowsOfClass = 20
	maxRungs       = 5
)

// rungs plans a halving: the number of trials of each rung, at most budget in total. The first rung has the most
// trials. The last rung uses all rows, and each other rung a third of the rows of the next.
func rungs(budget, rows, classes int) []int {
	minRows := max(minRungRows, minRowsOfClass*classes)
	limit := 1
	for r := rows / keepOneIn; limit < maxRungs && r >= minRows; r /= keepOneIn {
		limit++
	}
	for count := limit; count > 1; count-- {
		for first := budget; first > 1; first-- {
			if plan := rungsFrom(first, count); sum(plan) <= budget {
				if plan[count-1] > 1 { // a last rung of one trial decides nothing
					return plan
				}
				break
			}
		}
	}
	return []int{budget}
}

// rungsFrom plans count rungs, the first with the given number of trials.
func rungsFrom(first, count int) []int {
	plan := make([]int, count)
	for i := range plan {
		plan[i] = first
		first = (first + keepOneIn - 1) / keepOneIn
	}
	return plan
}

// rungShare returns the share of the rows that rung i of count uses.
func rungShare(i, count int) float64 { return math.Pow(keepOneIn, float64(i+1-count)) }

func sum(list []int) (total int) {
	for _, v := range list {
		total += v
	}
	return total
}
