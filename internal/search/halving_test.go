package search

import (
	"math"
	"slices"
	"testing"
)

func TestRungs(t *testing.T) {
	for name, test := range map[string]struct {
		budget, rows, classes int
		want                  []int
	}{
		"plenty of rows":     {30, 10_000, 3, []int{20, 7, 3}},
		"the largest":        {200, 1_000_000, 2, []int{133, 45, 15, 5, 2}},
		"rows for two rungs": {30, 500, 2, []int{22, 8}},
		"few rows":           {30, 112, 3, []int{30}},
		"many classes":       {30, 900, 40, []int{30}},
		"small budget":       {3, 10_000, 3, []int{3}},
		"one trial":          {1, 10_000, 3, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rungs(test.budget, test.rows, test.classes)
			total := 0
			for _, n := range got {
				total += n
			}
			if !slices.Equal(got, test.want) || total > test.budget {
				t.Errorf("rungs %v, want %v within %d", got, test.want, test.budget)
			}
		})
	}
	if a, b := rungShare(0, 3), rungShare(2, 3); math.Abs(a-1.0/9) > 1e-12 || b != 1 {
		t.Errorf("shares %v and %v, want 1/9 and 1", a, b)
	}
}
