// Package frame reads rows of features in the forms that the clients of other inference servers send: records, rows,
// columns, and tables in JSON or CSV. It knows nothing about protocols: each names its own error codes for the faults
// that this package reports.
package frame

import (
	"strconv"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// Decoder reads rows of features. It passes each row on as numbers in feature order, whatever the form is.
//
// Without Cells, it accepts what Python converts to a float: a number, true and false, and a string that holds a
// number. It refuses a row with a value that is missing or not finite, because such models cannot compute with those.
// With Cells, it accepts what they do, and an optional feature may be absent. It ignores columns of other names,
// whatever their values are, and takes the last of two values with one name.
//
// A good row costs no allocation, or one in a CSV. Several goroutines may use a decoder. The error is a
// *jsonrow.SyntaxError for a document that is not JSON and an *Error for a document without good rows.
type Decoder struct {
	features jsonrow.Features
	cells    *dataset.Cells // nil if all values are numbers
}

// NewDecoder returns a decoder of rows with these features, whose values are numbers.
func NewDecoder(features []string) *Decoder { return NewCellDecoder(features, nil) }

// NewCellDecoder returns a decoder of rows with these features, whose values are read by cells. If cells is nil, all
// values are numbers.
func NewCellDecoder(features []string, cells *dataset.Cells) *Decoder {
	return &Decoder{features: jsonrow.NewFeatures(features), cells: cells}
}

// optional reports whether feature i may be absent.
func (d *Decoder) optional(i int) bool { return d.cells != nil && d.cells.Optional(i) }

// Error says what is wrong with rows, where, and which kind of fault it is.
type Error struct {
	dataset.RowError
	Fault Fault
}

// Unwrap returns the place and the reason.
func (e *Error) Unwrap() error { return &e.RowError }

// Fault is a kind of mistake. Protocols have different codes for them.
type Fault int

// The kinds of mistakes in rows.
const (
	BadForm    Fault = iota // not the array, object or row that the form requires
	BadValue                // a value that does not stand for one of the feature
	BadNested               // an array instead of a single value
	BadLength               // columns of different lengths
	NoColumn                // a feature without a column
	Incomplete              // a row without a feature that earlier rows had
	NoValue                 // null where no value may be missing, or a number that is not finite
)

// location is where a value is, for an error.
type location struct {
	at     string // pointer to the rows
	row    int    // from 0
	column int    // from 0, for values without a name
	name   string // of the feature

	columnar bool // columns contain rows, not the reverse
}

// none is the index of a row or column that does not exist.
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

// count formats a number of things, as in "1 value" and "3 values".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
