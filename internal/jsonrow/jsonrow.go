// Package jsonrow reads rows of features from JSON objects, straight into slices of numbers in feature order, and has
// the scanner and the lookup of features that this takes. It reads the form of row that Iris defines itself; package
// frame reads the forms of other inference servers.
package jsonrow

import (
	"math"
	"strconv"

	"iris/internal/dataset"
)

// Decoder reads rows of features from JSON objects. An object has each feature once, in any order: with a finite
// number, or, if the decoder has Cells, with a string, a number, a truth value or null as they allow. It may lack a
// feature only if Cells say that the feature is optional. Names are case-sensitive. The decoder skips other members,
// whatever their values are.
//
// A prediction is mostly decoding, so Decoder writes numbers straight into a row, without reflection and, for numbers
// of up to 32 bytes and strings of up to 128, without an allocation. Several goroutines may use a decoder.
//
// The error is a *SyntaxError for a document that is not JSON, whatever else is wrong with it, and a *dataset.RowError
// for JSON without good rows.
type Decoder struct {
	features Features
	cells    *dataset.Cells // nil if all values are numbers
}

// NewDecoder returns a decoder of rows with these features, whose values are numbers.
func NewDecoder(features []string) *Decoder { return NewCellDecoder(features, nil) }

// NewCellDecoder returns a decoder of rows with these features, whose values are read by cells. If cells is nil, all
// values are numbers.
func NewCellDecoder(features []string, cells *dataset.Cells) *Decoder {
	return &Decoder{features: NewFeatures(features), cells: cells}
}

// DecodeRow reads a document of one object into x, which has as many elements as a row of Cells. After an error, the
// content of x is undefined.
func (d *Decoder) DecodeRow(data []byte, x []float64) error {
	s := Scanner{Data: data}
	s.Space()
	err := d.row(&s, x, place{number: single}, nil)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return s.SyntaxFirst(err)
	}
	return nil
}

// DecodeRows reads an array of objects and calls row for each. Calls share x. Pointers in errors begin with /data,
// where the body of a batch has its rows. DecodeRows returns the number of rows that it passed to row; an error may
// come after good rows. It returns an error of row unchanged.
func (d *Decoder) DecodeRows(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "/data", nil, row)
}

// DecodeArray is DecodeRows for a document that is the array itself: pointers begin with the number of a row.
func (d *Decoder) DecodeArray(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "", nil, row)
}

// IsArray reports whether a document begins with an array.
func IsArray(data []byte) bool {
	s := Scanner{Data: data}
	s.Space()
	return s.Peek() == '['
}

// width returns the number of values in a row.
func (d *Decoder) width() int {
	if d.cells == nil {
		return len(d.features.Names)
	}
	return d.cells.Width()
}

// rows reads an array at the pointer.
func (d *Decoder) rows(data []byte, pointer string, raw *RawRow, row func(x []float64) error) (int, error) {
	s := Scanner{Data: data}
	s.Space()
	if s.Peek() != '[' {
		return 0, s.SyntaxFirst(&dataset.RowError{Pointer: pointer, Reason: s.Kind() + ", want an array"})
	}
	x := make([]float64, d.width())
	n, err := s.Elements(
		func(number int) error { return d.row(&s, x, place{array: pointer, number: number}, raw) },
		func() error { return row(x) },
	)
	if err == nil && n == 0 {
		err = &dataset.RowError{Pointer: pointer, Reason: "no rows"}
	}
	return n, err
}

// place is where a row is, for an error.
type place struct {
	array  string // pointer to the array of rows
	number int    // index in the array, or single
}

// single is the number of a row that is a document of its own.
const single = -1

// fail is the error of a feature, or of the row if feature is "".
func (p place) fail(feature, reason string) error {
	pointer := p.array
	if p.number != single {
		pointer += "/" + strconv.Itoa(p.number)
	}
	if feature != "" {
		pointer += "/" + dataset.PointerToken(feature)
	}
	return &dataset.RowError{Pointer: pointer, Reason: reason}
}

// row reads one object into x, and into raw unless raw is nil.
func (d *Decoder) row(s *Scanner, x []float64, at place, raw *RawRow) error {
	if s.Peek() != '{' {
		return at.fail("", s.Kind()+", want an object")
	}
	s.Pos++
	names := d.features.Names
	x = x[:d.width()]
	Unset(x[:len(names)])
	if raw != nil {
		clear(raw.Others)
	}
	depth := 1 // of the values
	if at.number != single {
		depth = 2
	}
	var buf [128]byte
	next := 0
	for first := true; ; first = false {
		text, ok, err := s.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		name := text.Decode(buf[:0])
		i := d.features.Find(name, next)
		if i < 0 {
			start := s.Pos
			if err := s.Skip(depth); err != nil {
				return err
			}
			if raw != nil {
				raw.setOther(name, s.Data[start:s.Pos])
			}
			continue
		}
		next = i + 1
		if !IsUnset(x[i]) {
			return at.fail(names[i], "given twice")
		}
		if d.cells != nil {
			start := s.Pos
			reason, err := s.Cell(d.cells, x, i)
			if err != nil {
				return err
			}
			if reason != "" {
				return at.fail(names[i], reason)
			}
			if raw != nil {
				raw.Values[i] = s.Data[start:s.Pos]
			}
			continue
		}
		if c := s.Peek(); c != '-' && !isDigit(c) {
			return at.fail(names[i], s.Kind()+", want a number")
		}
		value, literal, err := s.Number()
		if err != nil {
			return err
		}
		if math.IsInf(value, 0) {
			return at.fail(names[i], dataset.Shown(string(literal))+" is not finite")
		}
		x[i] = value
		if raw != nil {
			raw.Values[i] = literal
		}
	}
	for i, v := range x[:len(names)] {
		if !IsUnset(v) {
			continue
		}
		if d.cells == nil || !d.cells.Optional(i) {
			return at.fail(names[i], "missing")
		}
		_ = d.cells.Missing(x, i) // it may be missing
		if raw != nil {
			raw.Values[i] = null
		}
	}
	return nil
}

var null = []byte("null")
