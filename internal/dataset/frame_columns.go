package dataset

import "strconv"

// EachMember calls visit for every member of a JSON object, with its name and
// with its value as it is written. Both are valid until visit returns, the value
// as long as data is. Anything else than an object is a *FrameError. NaN and
// Infinity, which Python writes, are taken for values. An error of visit ends it
// and comes back as it is.
func EachMember(data []byte, visit func(name, value []byte) error) error {
	s := jsonScanner{data: data, python: true}
	s.space()
	if s.peek() != '{' {
		return pythonSyntaxFirst(data, framePlace{row: none, column: none}.fail(BadForm, s.kind()+", want an object"))
	}
	s.pos++
	var buf []byte
	for first := true; ; first = false {
		name, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			return s.end()
		}
		start := s.pos
		if err := s.skip(1); err != nil {
			return err
		}
		buf = name.decode(buf[:0])
		if err := visit(buf, data[start:s.pos]); err != nil {
			return err
		}
	}
}

// Columns reads an object of columns: {"a":[1,3],"b":[2,4]}. A single value
// stands for a column full of it, and an object of such values alone is one row.
// The rest is as with Records.
func (d *FrameDecoder) Columns(data []byte, at string, row func(x []float64) error) (int, error) {
	place := framePlace{at: at, row: none, column: none, columnar: true}
	columns := make([]frameColumn, len(d.features))
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
			columns[i] = frameColumn{jsonScanner: jsonScanner{data: value, python: true}, array: isArray}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, c := range columns {
		if c.data == nil {
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

// frameColumn is a column that is read along with the others.
type frameColumn struct {
	jsonScanner
	array bool // one value for each row, not one for all
}

// next is the value of the next row.
func (c *frameColumn) next(place framePlace) (float64, error) {
	switch {
	case !c.array:
		c.pos = 0
	case c.pos == 0:
		c.pos++ // the bracket
		c.space()
	default:
		if _, err := c.element(false); err != nil {
			return 0, err
		}
	}
	return c.value(place)
}

// elements counts the elements of an array; 0 and false when data is something else.
func elements(data []byte) (n int, isArray bool, err error) {
	s := jsonScanner{data: data, python: true}
	if s.peek() != '[' {
		return 0, false, nil
	}
	s.pos++
	for ; ; n++ {
		more, err := s.element(n == 0)
		if err != nil || !more {
			return n, true, err
		}
		if err := s.skip(2); err != nil {
			return n, true, err
		}
	}
}

// Column reads an array of numbers, the rows of a model with one feature:
// [1,2,3]. The rest is as with Records.
func (d *FrameDecoder) Column(data []byte, at string, row func(x []float64) error) (int, error) {
	return d.each(data, at, row, func(s *jsonScanner, number int, x []float64) (err error) {
		x[0], err = s.value(framePlace{at: at, row: number, column: none})
		return err
	})
}

// Split reads a table as pandas splits it: {"columns":["b","a"],"data":[[2,1],…]}.
// An "index" only has to be as long as the data. The rest is as with Records.
func (d *FrameDecoder) Split(data []byte, at string, row func(x []float64) error) (int, error) {
	whole := framePlace{at: at, row: none, column: none}
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
	n, err := d.each(rows, at, row, func(s *jsonScanner, number int, x []float64) error {
		place := framePlace{at: at, row: number, column: none}
		if s.peek() != '[' {
			return place.fail(BadForm, s.kind()+", want an array")
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
func (d *FrameDecoder) splitColumns(data []byte, at string) ([]int, error) {
	whole := framePlace{at: at, row: none, column: none}
	if data == nil || data[0] == 'n' {
		return nil, whole.fail(NoColumn, "no names of columns")
	}
	if data[0] != '[' {
		return nil, whole.fail(BadForm, "want an array of names")
	}
	s := jsonScanner{data: data, python: true, pos: 1}
	var names []string
	for first := true; ; first = false {
		more, err := s.element(first)
		if err != nil {
			return nil, err
		}
		if !more {
			return d.place(names, whole, false)
		}
		switch s.peek() {
		case '"':
			text, err := s.text()
			if err != nil {
				return nil, err
			}
			names = append(names, string(text.decode(nil)))
		case '[', '{':
			whole.row = len(names)
			return nil, whole.fail(BadForm, s.kind()+", want a name")
		default: // a number is a name in pandas, and of no feature
			if err := s.skip(2); err != nil {
				return nil, err
			}
			names = append(names, "")
		}
	}
}

// place says which feature each of the columns is, none for a column of another
// name. Of two columns of one name the first is the feature where that is what
// the form means, else there is no telling.
func (d *FrameDecoder) place(names []string, at framePlace, firstWins bool) ([]int, error) {
	to := make([]int, len(names))
	seen := make([]bool, len(d.features))
	for column, name := range names {
		i, known := d.index[name]
		switch {
		case !known || seen[i] && firstWins:
			i = none
		case seen[i]:
			at.row = column
			return nil, at.fail(NoColumn, shown(name)+" given twice")
		default:
			seen[i] = true
		}
		to[column] = i
	}
	for i, there := range seen {
		if !there {
			return nil, at.fail(NoColumn, "no column "+shown(d.features[i]))
		}
	}
	return to, nil
}
