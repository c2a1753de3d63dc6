package dataset

import "slices"

// Schema says what the columns of a dataset are and which classes it tells
// apart. It is stored with every model.
type Schema struct {
	Features []string          `json:"features"`          // column names, in the order a model takes them
	Label    string            `json:"label"`             // name of the class column
	Classes  []string          `json:"classes"`           // sorted bytewise; a class's index is its place here
	Aliases  map[string]string `json:"aliases,omitempty"` // another spelling of a label -> its class
}

// SameFeatures reports whether both have the same feature names. Their order is
// free: Scan maps a file with a header to the known schema's order by name.
func (s Schema) SameFeatures(o Schema) bool {
	return slices.Equal(slices.Sorted(slices.Values(s.Features)), slices.Sorted(slices.Values(o.Features)))
}

// SameClasses reports whether both tell the same classes apart.
func (s Schema) SameClasses(o Schema) bool {
	return slices.Equal(s.Classes, o.Classes)
}

// class is the class a label stands for: itself, unless it is an alias.
func (s *Schema) class(label string) string {
	if s == nil {
		return label
	}
	if class, ok := s.Aliases[label]; ok {
		return class
	}
	return label
}

// aliasesOf is the part of the aliases that points to one of the classes, nil
// when there is none.
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
