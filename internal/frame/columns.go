package frame

import (
	"strconv"

	"iris/internal/jsonrow"
)

// EachMember calls visit for every member of a JSON object, with its name and the text of its value. The name is valid
// until visit returns, the value as long as data is. NaN and Infinity, which Python writes, count as values. The error
// is an *Error for a document that is not an object. EachMember ends at an error of visit and returns it unchanged.
func EachMember(data []byte, visit func(name, value []byte) error) error {
	s := jsonrow.Scanner{Data: data, Python: true}
	s.Space()
	if s.Peek() != '{' {
		whole := location{row: none, column: none}
		return s.SyntaxFirst(whole.fail(BadForm, s.Kind()+", want an object"))
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

// Columns reads an object of columns: {"a":[1,3],"b":[2,4]}. A single value stands for a column that repeats it, and
// an object of single values is one row. The rest is as with Records.
func (d *Decoder) Columns(data []byte, at string, row func(x []float64) error) (int, error) {
	place := location{at: at, row: none, column: none, columnar: true}
	names := d.features.Names
	columns := make([]column, len(names))
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
		if i := d.features.Find(name, 0); i >= 0 {
			columns[i] = column{Scanner: jsonrow.Scanner{Data: value, Python: true}, array: isArray}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, c := range columns {
		if c.Data == nil && !d.optional(i) {
			place.name = names[i]
			return 0, place.fail(NoColumn, "missing")
		}
	}
	x := d.row()
	for n := range length {
		for i := range columns {
			if columns[i].Data == nil {
				continue
			}
			place.name, place.row = names[i], none
			if columns[i].array {
				place.row = n
			}
			if err := columns[i].next(d, x, i, place); err != nil {
				return n, err
			}
		}
		if err := row(x); err != nil {
			return n, err
		}
	}
	return length, nil
}

// column is one column. Columns are read in parallel, row by row.
type column struct {
	jsonrow.Scanner
	array bool // one value per row, not one for all rows
}

// next reads the value of feature i in the next row into x.
func (c *column) next(d *Decoder, x []float64, i int, place location) error {
	switch {
	case !c.array:
		c.Pos = 0
	case c.Pos == 0:
		c.Pos++ // the bracket
		c.Space()
	default:
		if _, err := c.Element(false); err != nil {
			return err
		}
	}
	return d.value(&c.Scanner, x, i, place)
}

// elements counts the elements of an array. isArray is false if data is something else.
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
