package dataset

import "slices"

// Schema names the columns and the classes of a dataset. It is stored with every model.
type Schema struct {
	Features []string          `json:"features"`          // column names, in the order of a model's inputs
	Label    string            `json:"label"`             // name of the class column
	Classes  []string          `json:"classes"`           // sorted bytewise; the index of a class is its position
	Aliases  map[string]string `json:"aliases,omitempty"` // another spelling of a label -> its class
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
