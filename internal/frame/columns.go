package frame

import (
	"strconv"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// EachMember calls visit for every member of a JSON object, with its name and
// with its value as it is written. Both are valid until visit returns, the value
// as long as data is. Anything else than an object is a *Error. NaN and
// Infinity, which Python writes, are taken for values. An error of visit ends it
// and comes back as it is.
func EachMember(data []byte, visit func(name, value []byte) error) error {
	s := jsonrow.Scanner{Data: data, Python: true}
	s.Space()
	if s.Peek() != '{' {
		return pythonSyntaxFirst(data, location{row: none, column: none}.fail(BadForm, s.Kind()+", want an object"))
	}
	s.Pos++
	var buf []byte
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			return s.End()
		}
		start := s.Pos
		if err := s.Skip(1); err != nil {
			return err
		}
		buf = name.Decode(buf[:0])
		if err := visit(buf, data[start:s.Pos]); err != nil {
			return err
		}
	}
}

// Columns reads an object of columns: {"a":[1,3],"b":[2,4]}. A single value
// stands for a column full of it, and an object of such values alone is one row.
// The rest is as with Records.
func (d *Decoder) Columns(data []byte, at string, row func(x []float64) error) (int, error) {
	place := location{at: at, row: none, column: none, columnar: true}
	columns := make([]column, len(d.features))
	length, arrays := 1, false
	err := EachMember(data, func(name, value []byte) error {
		n, isArray, err := elements(value)
		switch {
		case err != nil:
			return err
		case isArray && arrays && n != length:
			place.name = string(name)
			return place.fail(BadLength, count(n, "value")+", but another column has "+strconv.Itoa(length))
		case isArray:
			length, arrays = n, true
		}
		if i, known := d.index[string(name)]; known {
			columns[i] = column{Scanner: jsonrow.Scanner{Data: value, Python: true}, array: isArray}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, c := range columns {
		if c.Data == nil {
			place.name = d.features[i]
			return 0, place.fail(NoColumn, "missing")
		}
	}
	x := make([]float64, len(d.features))
	for n := range length {
		for i := range columns {
			place.name, place.row = d.features[i], none
			if columns[i].array {
				place.row = n
			}
			if x[i], err = columns[i].next(place); err != nil {
				return n, err
			}
		}
		if err := row(x); err != nil {
			return n, err
		}
	}
	return length, nil
}

// column is a column that is read along with the others.
type column struct {
	jsonrow.Scanner
	array bool // one value for each row, not one for all
}

// next is the value of the next row.
func (c *column) next(place location) (float64, error) {
	switch {
	case !c.array:
		c.Pos = 0
	case c.Pos == 0:
		c.Pos++ // the bracket
		c.Space()
	default:
		if _, err := c.Element(false); err != nil {
			return 0, err
		}
	}
	return readValue(&c.Scanner, place)
}

// elements counts the elements of an array; 0 and false when data is something else.
func elements(data []byte) (n int, isArray bool, err error) {
	s := jsonrow.Scanner{Data: data, Python: true}
	if s.Peek() != '[' {
		return 0, false, nil
	}
	s.Pos++
	for ; ; n++ {
		more, err := s.Element(n == 0)
		if err != nil || !more {
			return n, true, err
		}
		if err := s.Skip(2); err != nil {
			return n, true, err
		}
	}
}

// Column reads an array of numbers, the rows of a model with one feature:
// [1,2,3]. The rest is as with Records.
func (d *Decoder) Column(data []byte, at string, row func(x []float64) error) (int, error) {
	return d.each(data, at, row, func(s *jsonrow.Scanner, number int, x []float64) (err error) {
		x[0], err = readValue(s, location{at: at, row: number, column: none})
		return err
	})
}

// Split reads a table as pandas splits it: {"columns":["b","a"],"data":[[2,1],…]}.
// An "index" only has to be as long as the data. The rest is as with Records.
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
	case isForm(err):
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

// splitColumns says which feature each column of a table is.
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
		default: // a number is a name in pandas, and of no feature
			if err := s.Skip(2); err != nil {
				return nil, err
			}
			names = append(names, "")
		}
	}
}

// place says which feature each of the columns is, none for a column of another
// name. Of two columns of one name the first is the feature where that is what
// the form means, else there is no telling.
func (d *Decoder) place(names []string, at location, firstWins bool) ([]int, error) {
	to := make([]int, len(names))
	seen := make([]bool, len(d.features))
	for column, name := range names {
		i, known := d.index[name]
		switch {
		case !known || seen[i] && firstWins:
			i = none
		case seen[i]:
			at.row = column
			return nil, at.fail(NoColumn, dataset.Shown(name)+" given twice")
		default:
			seen[i] = true
		}
		to[column] = i
	}
	for i, there := range seen {
		if !there {
			return nil, at.fail(NoColumn, "no column "+dataset.Shown(d.features[i]))
		}
	}
	return to, nil
}
