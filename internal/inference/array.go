package inference

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"iris/internal/jsonrow"
)

// array is the state of reading the elements of an input. The JSON is valid, because it was decoded as part of a
// document.
type array struct {
	data []byte
	pos  int

	kind  numeric
	texts bool // the elements are strings, not numbers
	bools bool // the elements are true and false, or the numbers 1 and 0
	nulls bool // an element may be null

	values  []float64
	strings [][]byte // nil for null
}

// decode reads an array, flat or nested according to the shape. The pointer of an error is relative to the array.
func (d *array) decode(shape []int64, elements int) error {
	if d.next() != '[' {
		return Wrong("", "%s, want an array", d.what())
	}
	d.pos++
	const atLeast = 2 // bytes of an element and the byte after it
	if elements > len(d.data)/atLeast+1 {
		return Wrong("", "fewer than %d elements, want those of shape %s", elements, shapeText(shape))
	}
	if d.texts {
		d.strings = make([][]byte, 0, elements)
	} else {
		d.values = make([]float64, 0, elements)
	}
	if d.next() == '[' && len(shape) == 2 {
		return d.nested(int(shape[0]), int(shape[1]))
	}
	return d.flat(-1, elements)
}

// next moves to the next byte that is neither blank nor a comma, and returns it.
func (d *array) next() byte {
	for {
		switch c := d.data[d.pos]; c {
		case ' ', '\t', '\n', '\r', ',':
			d.pos++
		default:
			return c
		}
	}
}

// what names the value that begins here, for an error text.
func (d *array) what() string { return jsonrow.KindOf(d.data[d.pos]) }

// nested reads the rows of an array.
func (d *array) nested(rows, columns int) error {
	for row := 0; ; row++ {
		switch c := d.next(); {
		case c == ']' && row < rows:
			return Wrong("", "%d rows, want %d", row, rows)
		case c == ']':
			d.pos++
			return nil
		case row == rows:
			return Wrong("", "more than %d rows", rows)
		case c != '[':
			return wrong("", row, "%s, want an array", d.what())
		}
		d.pos++
		if err := d.flat(row, columns); err != nil {
			return err
		}
	}
}

// flat reads the elements of an array. The array is a row unless row is negative.
func (d *array) flat(row, count int) error {
	for i := 0; ; i++ {
		c := d.next()
		switch {
		case c == ']' && i < count:
			return d.wrong(row, -1, "%d elements, want %d", i, count)
		case c == ']':
			d.pos++
			return nil
		case i == count:
			return d.wrong(row, -1, "more than %d elements", count)
		}
		read := d.number
		if d.texts {
			read = d.text
		}
		if reason := read(c); reason != "" {
			return d.wrong(row, i, "%s", reason)
		}
	}
}

// number reads a number that begins with c, true, false or null. The reason says why it is not an element.
func (d *array) number(c byte) (reason string) {
	switch {
	case c == 'n' && d.nulls:
		d.pos += len("null")
		d.values = append(d.values, math.NaN())
		return ""
	case c == 't' && d.bools:
		d.pos += len("true")
		d.values = append(d.values, 1)
		return ""
	case c == 'f' && d.bools:
		d.pos += len("false")
		d.values = append(d.values, 0)
		return ""
	case c != '-' && (c < '0' || c > '9'):
		return d.what() + ", want " + d.want()
	}
	literal := d.literal()
	// The literal is valid, so the only error left is one of range, for which the value is infinite.
	v, _ := strconv.ParseFloat(string(literal), 64)
	if !finite(v) {
		return shown(string(literal)) + " is not finite"
	}
	if !d.kind.holds(v) {
		return shown(string(literal)) + " is not a value of the datatype"
	}
	d.values = append(d.values, v)
	return ""
}

// text reads a string or null. The reason says why it is not an element.
func (d *array) text(c byte) (reason string) {
	if c == 'n' {
		d.pos += len("null")
		d.strings = append(d.strings, nil)
		return ""
	}
	if c != '"' {
		return d.what() + ", want " + d.want()
	}
	start, escaped := d.pos, false
	for d.pos++; d.data[d.pos] != '"'; d.pos++ {
		if d.data[d.pos] == '\\' {
			d.pos++
			escaped = true
		}
	}
	d.pos++
	span := d.data[start+1 : d.pos-1 : d.pos-1]
	if escaped {
		var s string
		_ = json.Unmarshal(d.data[start:d.pos], &s) // it is valid
		span = []byte(s)
	}
	d.strings = append(d.strings, span)
	return ""
}

// want names an element, for an error text.
func (d *array) want() string {
	switch {
	case d.texts:
		return "a string"
	case d.bools:
		return "true or false"
	}
	return "a number"
}

// literal returns the number that begins here.
func (d *array) literal() []byte {
	start := d.pos
	for strings.IndexByte("+-.0123456789Ee", d.data[d.pos]) >= 0 {
		d.pos++
	}
	return d.data[start:d.pos]
}

// wrong is the error of an element, or of the array if index is negative.
func (d *array) wrong(row, index int, format string, args ...any) *Error {
	at := ""
	if row >= 0 {
		at = "/" + strconv.Itoa(row)
	}
	return wrong(at, index, format, args...)
}
