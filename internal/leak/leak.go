// Package leak finds columns of a table that tell the class on their own. Such a column is often a copy of the class,
// or is known only after it.
package leak

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
)

const (
	minAUC   = 0.985
	minRows  = 50     // rows without which an area says little
	maxRows  = 20_000 // rows that are looked at, evenly spread over the table
	smallest = 5      // rows of a class that counts
	perClass = 2      // different numbers per class of a column that is read as one of codes
)

// Find warns of each column whose mean area under the ROC curve, one class against the rest, is at least minAUC on its
// own. Numbers are ranked as they are. A code is ranked by the share of the class among the rows with that code in the
// other half of the table, so that a code of one row tells nothing.
func Find(t *dataset.Table) []dataset.Warning {
	step := max(1, (t.Rows()+maxRows-1)/maxRows)
	var rows []int
	for i := 0; i < t.Rows(); i += step {
		rows = append(rows, i)
	}
	if len(rows) < minRows {
		return nil
	}
	var warnings []dataset.Warning
	for feature, name := range t.Schema.Features {
		c := column{values: make([]float64, len(rows)), classes: make([]int, len(rows)), count: len(t.Schema.Classes)}
		for i, row := range rows {
			c.values[i], c.classes[i] = t.Row(row)[feature], t.Y[row]
		}
		codes := t.Schema.Column(feature).Kind != dataset.Numeric || c.distinct() <= perClass*c.count
		if auc := c.meanAUC(codes); auc >= minAUC {
			warnings = append(warnings, dataset.Warning{
				Severity: dataset.Alert, Code: dataset.CodeLeak, Column: name,
				Message: fmt.Sprintf("tells the class almost on its own (AUC %.3f): is it known before the class is?", auc),
			})
		}
	}
	return warnings
}

// column is the values of a feature beside the classes of their rows.
type column struct {
	values  []float64
	classes []int
	count   int // of classes
}

// distinct returns the number of different values, with one for all missing ones.
func (c *column) distinct() int {
	seen := map[uint64]struct{}{}
	for _, v := range c.values {
		seen[math.Float64bits(v)] = struct{}{}
	}
	return len(seen)
}

// meanAUC returns the mean area of the classes with enough rows, 0 if there are none.
func (c *column) meanAUC(codes bool) float64 {
	sum, n := 0.0, 0
	scores := make([]float64, len(c.values))
	for class := range c.count {
		rows := 0
		for _, y := range c.classes {
			if y == class {
				rows++
			}
		}
		if rows < smallest || len(c.classes)-rows < smallest {
			continue
		}
		if codes {
			c.shares(class, float64(rows)/float64(len(c.classes)), scores)
		} else {
			for i, v := range c.values {
				scores[i] = v
				if v != v {
					scores[i] = math.Inf(-1)
				}
			}
		}
		area := c.auc(class, scores)
		if !codes {
			area = max(area, 1-area)
		}
		sum += area
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// shares scores each row by the share of a class among the rows of the other half with the same value. Halves are
// blocks of two rows, because rows of two classes often alternate.
func (c *column) shares(class int, prior float64, scores []float64) {
	type tally struct{ rows, hits [2]float64 }
	counts := map[uint64]*tally{}
	half := func(i int) int { return i >> 1 & 1 }
	for i, v := range c.values {
		key := math.Float64bits(v)
		if counts[key] == nil {
			counts[key] = &tally{}
		}
		counts[key].rows[half(i)]++
		if c.classes[i] == class {
			counts[key].hits[half(i)]++
		}
	}
	for i, v := range c.values {
		t, other := counts[math.Float64bits(v)], 1-half(i)
		scores[i] = (t.hits[other] + prior) / (t.rows[other] + 1)
	}
}

// auc returns the area under the ROC curve of scores for a class against the rest, by ranks.
func (c *column) auc(class int, scores []float64) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	hits, ranks := 0.0, 0.0
	for start := 0; start < len(order); {
		end := start
		for end < len(order) && scores[order[end]] == scores[order[start]] {
			end++
		}
		for _, i := range order[start:end] {
			if c.classes[i] == class {
				hits++
				ranks += float64(start+end+1) / 2
			}
		}
		start = end
	}
	return (ranks - hits*(hits+1)/2) / (hits * (float64(len(order)) - hits))
}
