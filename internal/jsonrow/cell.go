package jsonrow

import (
	"math"

	"iris/internal/dataset"
)

// unset is the bits of a value that a row does not have yet. It is a NaN other than the one of a missing value.
const unset = 0x7ff8_0000_0000_0002

// Unset makes all values of a row unset.
func Unset(x []float64) {
	for i := range x {
		x[i] = math.Float64frombits(unset)
	}
}

// IsUnset reports whether a row still lacks a value.
func IsUnset(v float64) bool { return math.Float64bits(v) == unset }

// Cell reads the value of feature i into the row x: a string, a number, a truth value or null. The reason says why a
// value is not one of the feature, and is "" for a good one. The error is a *SyntaxError. After a reason, the value is
// read, unless it is an array or an object.
func (s *Scanner) Cell(cells *dataset.Cells, x []float64, i int) (reason string, err error) {
	switch c := s.Peek(); {
	case c == '"':
		text, err := s.Text()
		if err != nil {
			return "", err
		}
		var buf [128]byte
		return cells.Text(x, i, text.Decode(buf[:0])), nil
	case s.NotFinite() != "":
		return s.notFinite(cells, x, i), nil
	case c == '-' || isDigit(c):
		return s.numberCell(cells, x, i)
	case c == '[' || c == '{':
		return s.Kind() + ", want " + cells.Want(i), nil
	case c == 'n':
		if err := s.Skip(0); err != nil {
			return "", err
		}
		if reason = cells.Missing(x, i); reason != "" {
			reason = "null, want " + cells.Want(i)
		}
		return reason, nil
	}
	truth := s.Peek() == 't'
	if err := s.Skip(0); err != nil {
		return "", err
	}
	return cells.Bool(x, i, truth), nil
}

// numberCell reads a number. The text of a number in JSON may be a level that no other text of the number is, such as
// 1.50. As a text, a number is what is written.
func (s *Scanner) numberCell(cells *dataset.Cells, x []float64, i int) (reason string, err error) {
	number, literal, err := s.Number()
	if err != nil {
		return "", err
	}
	if cells.Kind(i) == dataset.Text {
		return cells.Text(x, i, literal), nil
	}
	if code, ok := cells.Level(i, literal); ok {
		x[i] = code
		return "", nil
	}
	if reason = cells.Number(x, i, number); reason != "" && math.IsInf(number, 0) {
		reason = dataset.Shown(string(literal)) + " is not finite"
	}
	return reason, nil
}

// notFinite reads one of Python's words for a number that is not finite.
func (s *Scanner) notFinite(cells *dataset.Cells, x []float64, i int) (reason string) {
	word := s.NotFinite()
	s.Pos += len(word)
	number := math.Inf(1)
	if word == "NaN" {
		number = math.NaN()
	}
	if reason = cells.Number(x, i, number); reason != "" {
		reason = word + " is not finite"
	}
	return reason
}
