package inference

import (
	"strconv"
	"strings"
)

// decodeNumbers reads an array of numbers, flat or nested according to the shape. The JSON is valid, because it was
// decoded as part of a document. The pointer of an error is relative to the array.
func decodeNumbers(data []byte, shape []int64, elements int, kind numeric) ([]float64, error) {
	d := numbers{data: data, kind: kind}
	if d.next() != '[' {
		return nil, Wrong("", "%s, want an array", d.what())
	}
	d.pos++
	const atLeast = 2 // bytes of a number and the byte after it
	if elements > len(data)/atLeast+1 {
		return nil, Wrong("", "fewer than %d elements, want those of shape %s", elements, shapeText(shape))
	}
	d.values = make([]float64, 0, elements)
	var err error
	if d.next() == '[' && len(shape) == 2 {
		err = d.nested(int(shape[0]), int(shape[1]))
	} else {
		err = d.flat(-1, elements)
	}
	if err != nil {
		return nil, err
	}
	return d.values, nil
}

// numbers is the state of reading an array of numbers.
type numbers struct {
	data   []byte
	pos    int
	kind   numeric
	values []float64
}

// next moves to the next byte that is neither blank nor a comma, and returns it.
func (d *numbers) next() byte {
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
func (d *numbers) what() string {
	switch d.data[d.pos] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// nested reads the rows of an array.
func (d *numbers) nested(rows, columns int) error {
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

// flat reads the numbers of an array. The array is a row unless row is negative.
func (d *numbers) flat(row, count int) error {
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
		case c != '-' && (c < '0' || c > '9'):
			return d.wrong(row, i, "%s, want a number", d.what())
		}
		literal := d.literal()
		// The literal is valid, so the only error left is one of range, for which the value is infinite.
		v, _ := strconv.ParseFloat(string(literal), 64)
		if !finite(v) {
			return d.wrong(row, i, "%s is not finite", shown(string(literal)))
		}
		if !d.kind.holds(v) {
			return d.wrong(row, i, "%s is not a value of the datatype", shown(string(literal)))
		}
		d.values = append(d.values, v)
	}
}

// literal returns the number that begins here.
func (d *numbers) literal() []byte {
	start := d.pos
	for strings.IndexByte("+-.0123456789Ee", d.data[d.pos]) >= 0 {
		d.pos++
	}
	return d.data[start:d.pos]
}

// wrong is the error of an element, or of the array if index is negative.
func (d *numbers) wrong(row, index int, format string, args ...any) *Error {
	at := ""
	if row >= 0 {
		at = "/" + strconv.Itoa(row)
	}
	return wrong(at, index, format, args...)
}
