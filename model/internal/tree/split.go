package tree

import (
	"fmt"
	"math"
)

// Split is the condition of a node. Rows whose feature is below the threshold go left, all others right. If Right is
// not empty, the feature is categorical: rows whose code is in Right go right, all others left.
type Split struct {
	Feature   int
	Threshold float64
	Right     Subset
}

// Split returns the condition of a node that is not a leaf.
func (n Node) Split() Split {
	if n.Feature < 0 {
		return Split{Feature: int(^n.Feature), Right: Subset(math.Float64bits(n.Threshold))}
	}
	return Split{Feature: int(n.Feature), Threshold: n.Threshold}
}

// Check checks that s can divide rows of that many features. codes has their codes, as in dataset.Table.
func (s Split) Check(features int, codes []int) error {
	if s.Feature < 0 || s.Feature >= features {
		return fmt.Errorf("feature %d of %d", s.Feature, features)
	}
	if math.IsNaN(s.Threshold) || math.IsInf(s.Threshold, 0) {
		return fmt.Errorf("threshold %v", s.Threshold)
	}
	n := 0
	if codes != nil {
		n = codes[s.Feature]
	}
	if s.Right == 0 && n == 0 {
		return nil
	}
	return s.Right.check(n)
}
