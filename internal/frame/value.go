package frame

import (
	"bytes"
	"math"
	"strings"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/literal"
)

// value reads the value of feature i into x.
func (d *Decoder) value(s *jsonrow.Scanner, x []float64, i int, place location) (err error) {
	if d.cells == nil {
		x[i], err = readNumber(s, place)
		return err
	}
	fault := BadValue
	switch c := s.Peek(); {
	case c == '[':
		fault = BadNested
	case c == 'n', s.NotFinite() != "":
		fault = NoValue
	}
	reason, err := s.Cell(d.cells, x, i)
	if err == nil && reason != "" {
		err = place.fail(fault, reason)
	}
	return err
}

// readNumber reads the value of a feature as Python converts it to a number.
func readNumber(s *jsonrow.Scanner, place location) (float64, error) {
	switch c := s.Peek(); {
	case s.NotFinite() != "":
		return 0, place.fail(NoValue, s.NotFinite()+" is not finite")
	case c == '-' || '0' <= c && c <= '9':
		value, digits, err := s.Number()
		if err == nil && math.IsInf(value, 0) {
			err = place.fail(NoValue, dataset.Shown(string(digits))+" is not finite")
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
	value, end, ok := literal.ParseNumber(text, literal.CSV)
	switch {
	case ok && end == len(text) && !math.IsInf(value, 0):
		return value, nil
	case ok && end == len(text), isNotFinite(string(text)):
		return 0, place.fail(NoValue, dataset.Shown(string(text))+" is not finite")
	}
	return 0, place.fail(BadValue, dataset.Shown(string(text))+", want a number")
}

// isNotFinite reports whether a text is one of Python's words for a number that is not finite.
func isNotFinite(text string) bool {
	switch strings.TrimLeft(strings.ToLower(text), "+-") {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}
