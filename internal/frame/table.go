package frame

import (
	"errors"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// Split reads a table in pandas' split orientation: {"columns":["b","a"],"data":[[2,1],…]}. An "index" must be as long
// as the data and is otherwise ignored. The rest is as with Records.
func (d *Decoder) Split(data []byte, at string, row func(x []float64) error) (int, error) {
	whole := location{at: at, row: none, column: none}
	var names, index, rows []byte
	err := EachMember(data, func(name, value []byte) error {
		switch string(name) {
		case "columns":
			names = value
		case "index":
			index = value
		case "data":
			rows = value
		default:
			whole.name = string(name)
			return whole.fail(BadForm, "not a part of a table: want columns, data and index")
		}
		return nil
	})
	switch {
	case isWhole(err):
		return 0, whole.fail(BadForm, "want an object with columns and data")
	case err != nil:
		return 0, err
	case rows == nil:
		return 0, whole.fail(BadForm, "no data")
	}
	to, err := d.splitColumns(names, at+"/columns")
	if err != nil {
		return 0, err
	}
	at += "/data"
	n, err := d.each(rows, at, row, func(s *jsonrow.Scanner, number int, x []float64) error {
		place := location{at: at, row: number, column: none}
		if s.Peek() != '[' {
			return place.fail(BadForm, s.Kind()+", want an array")
		}
		return d.positional(s, place, to, x)
	})
	if err != nil || index == nil || index[0] == 'n' {
		return n, err
	}
	whole.name = "index"
	if labels, isArray, err := elements(index); err != nil || !isArray || labels != n {
		return n, whole.fail(BadForm, "want an array as long as the data")
	}
	return n, nil
}

// isWhole reports whether err is about the form of the whole document.
func isWhole(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Fault == BadForm && e.Pointer == ""
}

// splitColumns maps the columns of a table to features.
func (d *Decoder) splitColumns(data []byte, at string) ([]int, error) {
	whole := location{at: at, row: none, column: none}
	if data == nil || data[0] == 'n' {
		return nil, whole.fail(NoColumn, "no names of columns")
	}
	if data[0] != '[' {
		return nil, whole.fail(BadForm, "want an array of names")
	}
	s := jsonrow.Scanner{Data: data, Python: true, Pos: 1}
	var names []string
	for first := true; ; first = false {
		more, err := s.Element(first)
		if err != nil {
			return nil, err
		}
		if !more {
			return d.place(names, whole, false)
		}
		switch s.Peek() {
		case '"':
			text, err := s.Text()
			if err != nil {
				return nil, err
			}
			names = append(names, string(text.Decode(nil)))
		case '[', '{':
			whole.row = len(names)
			return nil, whole.fail(BadForm, s.Kind()+", want a name")
		default: // pandas also has numbers as names, which are not the name of a feature
			if err := s.Skip(2); err != nil {
				return nil, err
			}
			names = append(names, "")
		}
	}
}

// place maps each column to its feature, or to none. If a feature has two columns, the first one counts if firstWins
// is set; otherwise the table is ambiguous.
// A table may lack an optional feature.
func (d *Decoder) place(names []string, at location, firstWins bool) ([]int, error) {
	to := make([]int, len(names))
	seen := make([]bool, len(d.features.Names))
	for column, name := range names {
		i := d.features.Find([]byte(name), 0)
		switch {
		case i < 0 || seen[i] && firstWins:
			i = none
		case seen[i]:
			at.row = column
			return nil, at.fail(NoColumn, dataset.Shown(name)+" given twice")
		default:
			seen[i] = true
		}
		to[column] = i
	}
	for i, found := range seen {
		if !found && !d.optional(i) {
			return nil, at.fail(NoColumn, "no column "+dataset.Shown(d.features.Names[i]))
		}
	}
	return to, nil
}
