package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"iris/internal/dataset"
)

// checkSchema checks that s can describe a model. It must have at least one feature and two classes. Features and
// classes must be distinct, classes must be in the order of their bytes, and every alias must stand for a class.
func checkSchema(s dataset.Schema) error {
	if len(s.Features) == 0 {
		return errors.New("schema: no features")
	}
	sorted := slices.Sorted(slices.Values(s.Features))
	if len(slices.Compact(sorted)) != len(s.Features) {
		return errors.New("schema: two features have the same name")
	}
	if len(s.Classes) < 2 {
		return fmt.Errorf("schema: %d classes, want at least two", len(s.Classes))
	}
	for i := 1; i < len(s.Classes); i++ {
		if s.Classes[i-1] >= s.Classes[i] {
			return fmt.Errorf("schema: class %q before %q, want distinct classes in the order of their bytes",
				s.Classes[i-1], s.Classes[i])
		}
	}
	if err := s.CheckColumns(); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, alias := range slices.Sorted(maps.Keys(s.Aliases)) {
		if !slices.Contains(s.Classes, s.Aliases[alias]) {
			return fmt.Errorf("schema: alias %q stands for %q, which is not a class", alias, s.Aliases[alias])
		}
	}
	return nil
}

// cloneSchema returns a deep copy of s, so that a Model does not share memory with the table it was trained on.
func cloneSchema(s dataset.Schema) dataset.Schema {
	s.Features, s.Classes, s.Aliases = slices.Clone(s.Features), slices.Clone(s.Classes), maps.Clone(s.Aliases)
	s.Columns, s.MissingValues = slices.Clone(s.Columns), slices.Clone(s.MissingValues)
	for i := range s.Columns {
		s.Columns[i].Levels = slices.Clone(s.Columns[i].Levels)
	}
	return s
}
