// Package jsonrow reads rows of numbers from JSON objects, straight into a row in feature order, and has the scanner
// that they are read with. It knows the form that Iris takes itself; those of other inference servers are package
// frame's.
package jsonrow

import (
	"errors"
	"math"
	"strconv"

	"iris/internal/dataset"
)

// Decoder reads rows of features from JSON objects: names as they are,
// upper and lower case being different, in any order, each exactly once and
// with a finite number. Fields of other names are skipped whatever they hold.
//
// It exists because a prediction is mostly decoding: it writes numbers straight
// into a row in feature order, without reflection and, as long as a number has
// up to 32 bytes, without an allocation. It may be used by any number of
// goroutines.
//
// A document that isn't JSON is a *SyntaxError, whatever else is wrong with it;
// one that is, but holds no good rows, is a *RowError.
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

// DecodeRow reads one object, behind which nothing may follow, into x, which has
// an element for each feature. After an error x holds anything.
func (d *Decoder) DecodeRow(data []byte, x []float64) error {
	s := Scanner{Data: data}
	s.Space()
	err := d.row(&s, x, single, nil)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return syntaxFirst(data, err)
	}
	return nil
}

// DecodeRows reads an array of objects, which is what BatchRequest.Data holds,
// and calls row for each of them; x is reused between calls. It returns the
// number of rows handed out, also when it ends in an error, which may be found
// after good rows. Pointers begin with /data. An error of row comes back as it is.
func (d *Decoder) DecodeRows(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "/data", nil, row)
}

// DecodeArray is DecodeRows for a document that is the array itself: pointers
// begin with the number of a row.
func (d *Decoder) DecodeArray(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "", nil, row)
}

// IsArray reports whether the first byte of a document that is no blank begins
// an array.
func IsArray(data []byte) bool {
	s := Scanner{Data: data}
	s.Space()
	return s.Peek() == '['
}

// rows reads an array that lies at the pointer.
func (d *Decoder) rows(data []byte, pointer string, raw *RawRow, row func(x []float64) error) (int, error) {
	s := Scanner{Data: data}
	s.Space()
	if s.Peek() != '[' {
		return 0, syntaxFirst(data, &dataset.RowError{Pointer: pointer, Reason: s.Kind() + ", want an array"})
	}
	s.Pos++
	x := make([]float64, len(d.features))
	for rows := 0; ; rows++ {
		more, err := s.Element(rows == 0)
		switch {
		case err != nil:
		case more:
			err = d.row(&s, x, rows, raw)
		default:
			err = s.End()
			if err == nil && rows == 0 {
				err = &dataset.RowError{Reason: "no rows"}
			}
		}
		if err != nil {
			if bad := (*dataset.RowError)(nil); errors.As(err, &bad) {
				bad.Pointer = pointer + bad.Pointer
			}
			return rows, syntaxFirst(data, err)
		}
		if !more {
			return rows, nil
		}
		if err := row(x); err != nil {
			return rows, err
		}
	}
}

// single stands for the number of a row that is a document of its own.
const single = -1

// row reads one object into x, and into raw unless it is nil; number is its place in the array of rows.
func (d *Decoder) row(s *Scanner, x []float64, number int, raw *RawRow) error {
	if s.Peek() != '{' {
		return rowError(number, "", s.Kind()+", want an object")
	}
	s.Pos++
	x = x[:len(d.features)]
	for i := range x {
		x[i] = math.NaN() // not seen: what is read is finite
	}
	if raw != nil {
		clear(raw.Others)
	}
	depth := 1 // of the values
	if number != single {
		depth = 2
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
				start := s.Pos
				if err := s.Skip(depth); err != nil {
					return err
				}
				if raw != nil {
					raw.setOther(name, s.Data[start:s.Pos])
				}
				continue
			}
		}
		next = i + 1
		if !math.IsNaN(x[i]) {
			return rowError(number, d.features[i], "given twice")
		}
		if c := s.Peek(); c != '-' && !isDigit(c) {
			return rowError(number, d.features[i], s.Kind()+", want a number")
		}
		value, literal, err := s.Number()
		if err != nil {
			return err
		}
		if math.IsInf(value, 0) {
			return rowError(number, d.features[i], dataset.Shown(string(literal))+" is not finite")
		}
		x[i] = value
		if raw != nil {
			raw.Numbers[i] = literal
		}
	}
	for i, v := range x {
		if math.IsNaN(v) {
			return rowError(number, d.features[i], "missing")
		}
	}
	return nil
}

// rowError names a feature of a row, or the row itself when feature is "".
func rowError(number int, feature, reason string) error {
	var pointer string
	if number != single {
		pointer = "/" + strconv.Itoa(number)
	}
	if feature != "" {
		pointer += "/" + dataset.PointerToken(feature)
	}
	return &dataset.RowError{Pointer: pointer, Reason: reason}
}

// syntaxFirst returns the document's syntax error if it has one, else err: what
// rows lack is of no interest in something that isn't JSON.
func syntaxFirst(data []byte, err error) error {
	if syntax := Check(data); syntax != nil {
		return syntax
	}
	return err
}
