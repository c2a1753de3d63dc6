package model

import (
	"slices"

	"iris/internal/dataset"
)

// codes returns the codes of the features of t for a model to keep; nil if all features are numbers.
func codes(t *dataset.Table) []int {
	if !slices.ContainsFunc(t.Codes, func(n int) bool { return n > 0 }) {
		return nil
	}
	return slices.Clone(t.Codes)
}
