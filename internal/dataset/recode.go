package dataset

import "fmt"

// Recode returns t as a table of another schema with the same features, in the order of t. Only the codes of levels
// change: a text that is not a level of s has the code of all other texts. The classes stay those of t. Recode returns
// an error if a feature is of another kind in s, or is missing in t and never in s.
func Recode(t *Table, s *Schema) (*Table, error) {
	if t.Schema.SameColumns(s) {
		return t, nil
	}
	if len(s.Features) != len(t.Schema.Features) {
		return nil, fmt.Errorf("%d features, want %d", len(t.Schema.Features), len(s.Features))
	}
	to := NewCells(*s)
	codes := make([][]float64, to.Width()) // per value and code of t; nil for values that are not codes
	for i, name := range s.Features {
		from, want := t.Schema.Column(i), s.Column(i)
		if t.Schema.Features[i] != name || from.Kind != want.Kind {
			return nil, fmt.Errorf("feature %s is %s, want %s as %s",
				Shown(t.Schema.Features[i]), from.Kind, Shown(name), want.Kind)
		}
		if from.Kind != Categorical {
			continue
		}
		codes[i] = make([]float64, len(from.Levels)+1)
		for code, level := range from.Levels {
			var known bool
			if codes[i][code], known = to.columns[i].codes[level]; !known {
				codes[i][code] = float64(len(want.Levels))
			}
		}
		codes[i][len(from.Levels)] = float64(len(want.Levels))
	}
	recoded := &Table{Schema: t.Schema, X: make([]float64, 0, len(t.X)), Y: t.Y}
	recoded.Schema.Columns, recoded.Schema.MissingValues = s.Columns, s.MissingValues
	recoded.Codes = s.codes()
	for row := range t.Rows() {
		for i, v := range t.Row(row) {
			if v != v {
				var reason string
				if v, reason = to.absent(i); reason != "" {
					return nil, fmt.Errorf("row %d, feature %s: is missing, which the other schema never is",
						row+1, Shown(s.Features[i]))
				}
			} else if codes[i] != nil {
				v = codes[i][int(v)]
			}
			recoded.X = append(recoded.X, v)
		}
	}
	return recoded, nil
}
