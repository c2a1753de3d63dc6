package dataset

import (
	"fmt"
	"slices"
)

// Schema names the columns and the classes of a dataset. It is stored with every model.
type Schema struct {
	Features []string          `json:"features"`          // column names, in the order of a model's inputs
	Label    string            `json:"label"`             // name of the class column
	Classes  []string          `json:"classes"`           // sorted bytewise; the index of a class is its position
	Aliases  map[string]string `json:"aliases,omitempty"` // another spelling of a label -> its class

	// Columns says how the cells of each feature become numbers, in the order of Features. It is nil if all cells are
	// numbers and none is missing.
	Columns []Column `json:"columns,omitempty"`
	// MissingValues are the texts that mean that a value is missing, in any case; nil means DefaultMissing.
	MissingValues []string `json:"missing_values,omitzero"`
}

// Column returns how the cells of feature i become numbers.
func (s *Schema) Column(i int) Column {
	if s.Columns == nil {
		return Column{Kind: Numeric}
	}
	c := s.Columns[i]
	c.Kind = c.kind()
	return c
}

// Texts returns the number of features of the kind Text.
func (s *Schema) Texts() int {
	n := 0
	for i := range s.Columns {
		if s.Columns[i].Kind == Text {
			n++
		}
	}
	return n
}

// Width returns the number of values in a row; see Table.X.
func (s *Schema) Width() int { return len(s.Features) + TextValues*s.Texts() }

// checkWidth refuses more values in a row than a row of numbers may have.
func (s *Schema) checkWidth() error {
	if s.Width() <= MaxColumns {
		return nil
	}
	return fmt.Errorf("the columns of text make %d values of a row, %d each, want at most %d in all: "+
		"set some of them to %s in columns", s.Width(), TextValues, MaxColumns, Ignore)
}

// Plain reports whether all cells are numbers and none is missing.
func (s *Schema) Plain() bool {
	return !slices.ContainsFunc(s.Columns, func(c Column) bool { return !c.plain() })
}

// CheckColumns returns what is wrong with the Columns of s, or nil.
func (s *Schema) CheckColumns() error {
	if s.Columns == nil {
		return nil
	}
	if len(s.Columns) != len(s.Features) {
		return fmt.Errorf("%d columns of %d features", len(s.Columns), len(s.Features))
	}
	for i, c := range s.Columns {
		if err := c.check(); err != nil {
			return fmt.Errorf("column %s: %w", Shown(s.Features[i]), err)
		}
	}
	return s.checkWidth()
}

// SameColumns reports whether the values of both schemas mean the same: the features, their order, kinds and levels are
// the same, and the same features may be missing.
func (s *Schema) SameColumns(o *Schema) bool {
	if !slices.Equal(s.Features, o.Features) {
		return false
	}
	for i := range s.Features {
		a, b := s.Column(i), o.Column(i)
		if a.Kind != b.Kind || a.Missing != b.Missing || !slices.Equal(a.Levels, b.Levels) {
			return false
		}
	}
	return true
}

// SameFeatures reports whether both schemas have the same feature names in any order: Scan maps a file with a header
// to the order of the known schema.
func (s Schema) SameFeatures(o Schema) bool {
	return slices.Equal(slices.Sorted(slices.Values(s.Features)), slices.Sorted(slices.Values(o.Features)))
}

// SameClasses reports whether both schemas have the same classes.
func (s Schema) SameClasses(o Schema) bool {
	return slices.Equal(s.Classes, o.Classes)
}

// class returns the class of a label: the label itself, unless it is an alias.
func (s *Schema) class(label string) string {
	if s == nil {
		return label
	}
	if class, ok := s.Aliases[label]; ok {
		return class
	}
	return label
}

// aliasesOf returns the aliases that point to one of the classes, or nil.
func (s *Schema) aliasesOf(classes []string) map[string]string {
	if s == nil {
		return nil
	}
	var kept map[string]string
	for label, class := range s.Aliases {
		if !slices.Contains(classes, class) {
			continue
		}
		if kept == nil {
			kept = make(map[string]string, len(s.Aliases))
		}
		kept[label] = class
	}
	return kept
}
