package dataset

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// RowDecoder reads rows of features from JSON objects: names as they are,
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
type RowDecoder struct {
	features []string
	index    map[string]int // the same, by name
}

// NewRowDecoder returns a decoder of rows with these features.
func NewRowDecoder(features []string) *RowDecoder {
	d := &RowDecoder{features: features, index: make(map[string]int, len(features))}
	for i, name := range features {
		d.index[name] = i
	}
	return d
}

// DecodeRow reads one object, behind which nothing may follow, into x, which has
// an element for each feature. After an error x holds anything.
func (d *RowDecoder) DecodeRow(data []byte, x []float64) error {
	s := jsonScanner{data: data}
	s.space()
	err := d.row(&s, x, single)
	if err == nil {
		err = s.end()
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
func (d *RowDecoder) DecodeRows(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "/data", row)
}

// DecodeArray is DecodeRows for a document that is the array itself: pointers
// begin with the number of a row.
func (d *RowDecoder) DecodeArray(data []byte, row func(x []float64) error) (int, error) {
	return d.rows(data, "", row)
}

// IsArray reports whether the first byte of a document that is no blank begins
// an array.
func IsArray(data []byte) bool {
	s := jsonScanner{data: data}
	s.space()
	return s.peek() == '['
}

// rows reads an array that lies at the pointer.
func (d *RowDecoder) rows(data []byte, pointer string, row func(x []float64) error) (int, error) {
	s := jsonScanner{data: data}
	s.space()
	if s.peek() != '[' {
		return 0, syntaxFirst(data, &RowError{Pointer: pointer, Reason: s.kind() + ", want an array"})
	}
	s.pos++
	x := make([]float64, len(d.features))
	for rows := 0; ; rows++ {
		more, err := s.element(rows == 0)
		switch {
		case err != nil:
		case more:
			err = d.row(&s, x, rows)
		default:
			err = s.end()
			if err == nil && rows == 0 {
				err = &RowError{Reason: "no rows"}
			}
		}
		if err != nil {
			if bad := (*RowError)(nil); errors.As(err, &bad) {
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

// row reads one object into x; number is its place in the array of rows.
func (d *RowDecoder) row(s *jsonScanner, x []float64, number int) error {
	if s.peek() != '{' {
		return rowError(number, "", s.kind()+", want an object")
	}
	s.pos++
	x = x[:len(d.features)]
	for i := range x {
		x[i] = math.NaN() // not seen: what is read is finite
	}
	depth := 1 // of the values
	if number != single {
		depth = 2
	}
	var buf [128]byte
	next := 0 // rows tend to name the features in order
	for first := true; ; first = false {
		text, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		name := text.decode(buf[:0])
		i := next
		if i == len(x) || string(name) != d.features[i] {
			if i, ok = d.index[string(name)]; !ok {
				if err := s.skip(depth); err != nil {
					return err
				}
				continue
			}
		}
		next = i + 1
		if !math.IsNaN(x[i]) {
			return rowError(number, d.features[i], "given twice")
		}
		if c := s.peek(); c != '-' && !isDigit(c) {
			return rowError(number, d.features[i], s.kind()+", want a number")
		}
		value, literal, err := s.number()
		if err != nil {
			return err
		}
		if !isFinite(value) {
			return rowError(number, d.features[i], shown(string(literal))+" is not finite")
		}
		x[i] = value
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
		pointer += "/" + pointerEscape.Replace(feature)
	}
	return &RowError{Pointer: pointer, Reason: reason}
}

// pointerEscape writes a name as a token of an RFC 6901 pointer.
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// syntaxFirst returns the document's syntax error if it has one, else err: what
// rows lack is of no interest in something that isn't JSON.
func syntaxFirst(data []byte, err error) error {
	if syntax := checkJSON(data); syntax != nil {
		return syntax
	}
	return err
}
