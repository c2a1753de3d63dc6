package frame

import (
	"math"
	"strconv"

	"iris/internal/jsonrow"
)

// Records reads an array of objects, one per row: [{"a":1,"b":2},…]. Pointers in errors begin with at. Records calls
// row for each row; calls share x. It returns the number of rows that it passed to row, also with an error. It returns
// an error of row unchanged.
func (d *Decoder) Records(data []byte, at string, row func(x []float64) error) (int, error) {
	return d.each(data, at, row, func(s *jsonrow.Scanner, number int, x []float64) error {
		if s.Peek() != '{' {
			return notRecord(s, at, number)
		}
		return d.record(s, location{at: at, row: number, column: none}, x)
	})
}

// notRecord is the error of an element without names. If the first element has none, the whole array has none.
func notRecord(s *jsonrow.Scanner, at string, number int) error {
	fault := BadForm
	if number == 0 {
		fault = NoColumn
	}
	place := location{at: at, row: number, column: none}
	return place.fail(fault, s.Kind()+", want an object with the features as names")
}

// RecordsOrRows reads an array of objects, or of arrays in feature order: [{"a":1,"b":2},[3,4]]. The rest is as with
// Records.
func (d *Decoder) RecordsOrRows(data []byte, at string, row func(x []float64) error) (int, error) {
	to := make([]int, len(d.features.Names))
	for i := range to {
		to[i] = i
	}
	return d.each(data, at, row, func(s *jsonrow.Scanner, number int, x []float64) error {
		place := location{at: at, row: number, column: none}
		switch s.Peek() {
		case '{':
			return d.record(s, place, x)
		case '[':
			return d.positional(s, place, to, x)
		}
		return place.fail(BadForm, s.Kind()+", want an object or an array")
	})
}

// Column reads an array of values, the rows of a model with one feature: [1,2,3]. The rest is as with Records.
func (d *Decoder) Column(data []byte, at string, row func(x []float64) error) (int, error) {
	return d.each(data, at, row, func(s *jsonrow.Scanner, number int, x []float64) error {
		return d.value(s, x, 0, location{at: at, row: number, column: none})
	})
}

// each reads every element of an array with read, and passes the result to row.
func (d *Decoder) each(
	data []byte,
	at string,
	row func([]float64) error,
	read func(*jsonrow.Scanner, int, []float64) error,
) (int, error) {
	s := &jsonrow.Scanner{Data: data, Python: true}
	s.Space()
	if s.Peek() != '[' {
		whole := location{at: at, row: none, column: none}
		return 0, s.SyntaxFirst(whole.fail(BadForm, s.Kind()+", want an array"))
	}
	x := d.row()
	return s.Elements(
		func(number int) error { return read(s, number, x) },
		func() error { return row(x) },
	)
}

// row returns a row in which the optional features are missing.
func (d *Decoder) row() []float64 {
	if d.cells == nil {
		return make([]float64, len(d.features.Names))
	}
	x := make([]float64, d.cells.Width())
	for i := range d.features.Names {
		if d.cells.Optional(i) {
			x[i] = math.NaN()
		}
	}
	return x
}

// record reads an object into x.
func (d *Decoder) record(s *jsonrow.Scanner, place location, x []float64) error {
	s.Pos++
	names := d.features.Names
	jsonrow.Unset(x[:len(names)])
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
		i := d.features.Find(text.Decode(buf[:0]), next)
		if i < 0 {
			if err := s.Skip(2); err != nil {
				return err
			}
			continue
		}
		next = i + 1
		place.name = names[i]
		if err := d.value(s, x, i, place); err != nil {
			return err
		}
	}
	for i, v := range x[:len(names)] {
		switch {
		case !jsonrow.IsUnset(v):
		case d.optional(i):
			x[i] = math.NaN()
		default:
			place.name = names[i]
			fault := Incomplete
			if place.row == 0 {
				fault = NoColumn
			}
			return place.fail(fault, "missing")
		}
	}
	return nil
}

// positional reads an array into x: element i is feature to[i], or is skipped if to[i] is none.
func (d *Decoder) positional(s *jsonrow.Scanner, place location, to []int, x []float64) error {
	s.Pos++
	n := 0
	for ; ; n++ {
		more, err := s.Element(n == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n >= len(to) || to[n] == none {
			if err := s.Skip(2); err != nil {
				return err
			}
			continue
		}
		at := place
		at.column, at.name = n, d.features.Names[to[n]]
		if err := d.value(s, x, to[n], at); err != nil {
			return err
		}
	}
	if n != len(to) {
		return place.fail(BadForm, count(n, "value")+", want "+strconv.Itoa(len(to)))
	}
	return nil
}
