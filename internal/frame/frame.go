// Package frame reads rows of numbers in the forms that the clients of other inference servers send: records, rows,
// columns, tables. It does not know their protocols: each has a package that names the fault it reports for a mistake.
package frame

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// Decoder reads rows of features in the forms that the clients of other
// inference servers send: records, rows, columns, and a table with or without
// JSON. However they come, each row is handed out as numbers in feature order.
//
// It takes what Python makes a float of: a number, true and false, and a string
// that holds a number. Columns of other names are skipped whatever they hold,
// and the last of two values of one name counts. What it does not take is a row
// with a value missing or not finite: models can't compute with those.
//
// Good rows cost no allocation each, but one in a CSV. A decoder may be used by
// any number of goroutines. A document that isn't JSON is a *SyntaxError, one
// that holds no good rows a *Error.
type Decoder struct {
	features []string
	index    map[string]int // the same, by name
}

// NewDecoder returns a decoder of rows with these features.
func NewDecoder(features []string) *Decoder {
	d := &Decoder{features: features, index: make(map[string]int, len(features))}
	for i, name := range features {
		d.index[name] = i
	}
	return d
}

// Error says what is wrong with rows, where, and of which kind it is: each
// protocol has codes of its own for these.
type Error struct {
	dataset.RowError
	Fault Fault
}

// Unwrap returns the place and the reason.
func (e *Error) Unwrap() error { return &e.RowError }

// Fault is a kind of mistake.
type Fault int

// The kinds of mistakes in rows.
const (
	BadForm    Fault = iota // not an array, an object or a row where one must be
	BadValue                // not a number, nor anything that stands for one
	BadNested               // an array in the place of a number
	BadLength               // columns of different lengths
	NoColumn                // a feature that no column is named after
	Incomplete              // a row without a feature that rows before it had
	NoValue                 // null, or a number that is not finite
)

// location is where a value is, for an error.
type location struct {
	at     string // pointer to the rows
	row    int    // from 0
	column int    // from 0, for values without a name
	name   string // of the feature

	columnar bool // the rows are in the columns, not the other way round
}

// none stands for a row or column that there is none of.
const none = -1

func (p location) fail(fault Fault, reason string) error {
	e := &Error{Fault: fault, RowError: dataset.RowError{Pointer: p.at, Reason: reason}}
	number := func(n int) {
		if n != none {
			e.Pointer += "/" + strconv.Itoa(n)
		}
	}
	if !p.columnar {
		number(p.row)
	}
	if p.column != none {
		number(p.column)
		e.Column = p.name
	} else if p.name != "" {
		e.Pointer += "/" + dataset.PointerToken(p.name)
	}
	if p.columnar {
		number(p.row)
	}
	return e
}

// readValue reads the value of a feature.
func readValue(s *jsonrow.Scanner, place location) (float64, error) {
	switch c := s.Peek(); {
	case s.NotFinite() != "":
		return 0, place.fail(NoValue, s.NotFinite()+" is not finite")
	case c == '-' || '0' <= c && c <= '9':
		value, literal, err := s.Number()
		if err == nil && math.IsInf(value, 0) {
			err = place.fail(NoValue, dataset.Shown(string(literal))+" is not finite")
		}
		return value, err
	case c == '"':
		text, err := s.Text()
		if err != nil {
			return 0, err
		}
		return readText(text, place)
	case c == '[':
		return 0, place.fail(BadNested, "an array, want a number")
	case c == '{':
		return 0, place.fail(BadValue, "an object, want a number")
	case c == 'n':
		err := s.Skip(0)
		if err == nil {
			err = place.fail(NoValue, "null, want a number")
		}
		return 0, err
	}
	truth := s.Peek() == 't'
	if err := s.Skip(0); err != nil {
		return 0, err
	}
	if truth {
		return 1, nil
	}
	return 0, nil
}

// readText reads the number that a string holds.
func readText(t jsonrow.Text, place location) (float64, error) {
	var buf [64]byte
	text := bytes.Trim(t.Decode(buf[:0]), " \t\r\n")
	value, end, ok := dataset.ParseNumber(text, dataset.CSVNumber)
	switch {
	case ok && end == len(text) && !math.IsInf(value, 0):
		return value, nil
	case ok && end == len(text), isNotFinite(string(text)):
		return 0, place.fail(NoValue, dataset.Shown(string(text))+" is not finite")
	}
	return 0, place.fail(BadValue, dataset.Shown(string(text))+", want a number")
}

// isNotFinite reports whether a text is one of Python's words for a number that
// is not finite.
func isNotFinite(text string) bool {
	switch strings.TrimLeft(strings.ToLower(text), "+-") {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

// isForm reports whether err is about the form as a whole.
func isForm(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Fault == BadForm && e.Pointer == ""
}

// Records reads an array of objects, one a row: [{"a":1,"b":2},…]. Pointers in
// errors begin with at. It calls row for each of them with a slice that is used
// again, and returns how many it has handed out, also when it ends in an error.
// An error of row comes back as it is.
func (d *Decoder) Records(data []byte, at string, row func(x []float64) error) (int, error) {
	return d.each(data, at, row, func(s *jsonrow.Scanner, number int, x []float64) error {
		if s.Peek() != '{' {
			return notRecord(s, at, number)
		}
		return d.record(s, location{at: at, row: number, column: none}, x)
	})
}

// notRecord is the error of an element that has no names: the whole array has
// none when the first one hasn't.
func notRecord(s *jsonrow.Scanner, at string, number int) error {
	fault := BadForm
	if number == 0 {
		fault = NoColumn
	}
	return location{
		at:     at,
		row:    number,
		column: none,
	}.fail(
		fault,
		s.Kind()+", want an object with the features as names",
	)
}

// RecordsOrRows reads an array whose elements are objects, or arrays in feature
// order: [{"a":1,"b":2},[3,4]]. The rest is as with Records.
func (d *Decoder) RecordsOrRows(data []byte, at string, row func(x []float64) error) (int, error) {
	to := make([]int, len(d.features))
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

// each calls read for every element of an array, and row with what it has read.
func (d *Decoder) each(
	data []byte,
	at string,
	row func([]float64) error,
	read func(*jsonrow.Scanner, int, []float64) error,
) (int, error) {
	s := &jsonrow.Scanner{Data: data, Python: true}
	s.Space()
	if s.Peek() != '[' {
		return 0, pythonSyntaxFirst(
			data,
			location{at: at, row: none, column: none}.fail(BadForm, s.Kind()+", want an array"),
		)
	}
	s.Pos++
	x := make([]float64, len(d.features))
	for rows := 0; ; rows++ {
		more, err := s.Element(rows == 0)
		if err == nil && more {
			err = read(s, rows, x)
		}
		if err == nil && !more {
			err = s.End()
		}
		if err != nil {
			return rows, pythonSyntaxFirst(data, err)
		}
		if !more {
			return rows, nil
		}
		if err := row(x); err != nil {
			return rows, err
		}
	}
}

// pythonSyntaxFirst is syntaxFirst for JSON as Python writes it.
func pythonSyntaxFirst(data []byte, err error) error {
	if syntax := (&jsonrow.Scanner{Data: data, Python: true}).Check(); syntax != nil {
		return syntax
	}
	return err
}

// record reads an object into x.
func (d *Decoder) record(s *jsonrow.Scanner, place location, x []float64) error {
	s.Pos++
	for i := range x {
		x[i] = math.NaN() // not seen: what is read is finite
	}
	var buf [128]byte
	next := 0 // rows tend to name the features in order
	for first := true; ; first = false {
		text, ok, err := s.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		name := text.Decode(buf[:0])
		i := next
		if i == len(x) || string(name) != d.features[i] {
			if i, ok = d.index[string(name)]; !ok {
				if err := s.Skip(2); err != nil {
					return err
				}
				continue
			}
		}
		next = i + 1
		place.name = d.features[i]
		if x[i], err = readValue(s, place); err != nil {
			return err
		}
	}
	for i, v := range x {
		if math.IsNaN(v) {
			place.name = d.features[i]
			fault := Incomplete
			if place.row == 0 {
				fault = NoColumn
			}
			return place.fail(fault, "missing")
		}
	}
	return nil
}

// positional reads an array into x: its element i is feature to[i], which is none
// for a column to skip.
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
		at.column, at.name = n, d.features[to[n]]
		if x[to[n]], err = readValue(s, at); err != nil {
			return err
		}
	}
	if n != len(to) {
		return place.fail(BadForm, count(n, "value")+", want "+strconv.Itoa(len(to)))
	}
	return nil
}

// count is a number of things, as in "1 value" and "3 values".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
