package dataset

import (
	"math"
	"strconv"
	"strings"

	"iris/internal/literal"
	"iris/internal/ngram"
)

// decimalBytes is the length of the longest number in decimal digits.
const decimalBytes = 512

// text reads the value of feature i, which is not a Text, from a text.
func (c *Cells) text(i int, text []byte) (value float64, reason string) {
	column := &c.columns[i]
	text = literal.Trim(text)
	if column.Kind == Categorical {
		if code, ok := column.codes[string(text)]; ok {
			return code, ""
		}
		if isMissing(c.missing, text) {
			return c.absent(i)
		}
		return c.other(i, text)
	}
	if column.kind() == Numeric {
		if v, end, ok := literal.ParseNumber(text, literal.CSV); ok && end == len(text) && literal.IsFinite(v) {
			return v + 0, "" // 0 for -0
		}
	}
	if isMissing(c.missing, text) {
		return c.absent(i)
	}
	switch column.kind() {
	case Boolean:
		if v, ok := parseBoolean(text); ok {
			return v, ""
		}
		return 0, Shown(string(text)) + " is neither true nor false"
	case Datetime:
		if date, ok := literal.ParseDate(text, column.DateOrder); ok {
			return date.Days, ""
		}
		return 0, Shown(string(text)) + " is not a date"
	}
	if column.Formatted {
		if v, ok := literal.ParseFormatted(text); ok {
			return v, ""
		}
	}
	if column.Missing && isInfinite(text) {
		return c.absent(i)
	}
	return 0, Shown(string(text)) + " is not a finite number"
}

// number reads the value of feature i, which is not a Text, from a number other than NaN.
func (c *Cells) number(i int, v float64) (value float64, reason string) {
	column := &c.columns[i]
	switch column.kind() {
	case Categorical:
		return c.level(i, v+0)
	case Boolean:
		if v != 0 && v != 1 {
			return 0, strconv.FormatFloat(v, 'g', -1, 64) + " is neither true nor false"
		}
	}
	if math.IsInf(v, 0) {
		if column.Missing {
			return c.absent(i)
		}
		return 0, "is not a finite number"
	}
	return v + 0, ""
}

// Level returns the code of a text that is a level of feature i.
func (c *Cells) Level(i int, text []byte) (code float64, ok bool) {
	code, ok = c.columns[i].codes[string(text)]
	return code, ok
}

// level returns the code of a number in a categorical feature.
func (c *Cells) level(i int, v float64) (value float64, reason string) {
	var buf [decimalBytes]byte
	text := strconv.AppendFloat(buf[:0], v, 'f', -1, 64)
	codes := c.columns[i].codes
	if code, ok := codes[string(text)]; ok {
		return code, ""
	}
	if v == math.Trunc(v) {
		if code, ok := codes[string(append(text, ".0"...))]; ok {
			return code, ""
		}
	}
	return c.other(i, text)
}

// other returns the code of a text of a categorical feature that is not a level.
func (c *Cells) other(i int, text []byte) (value float64, reason string) {
	if c.strict {
		return 0, Shown(string(text)) + " was not seen in training"
	}
	return float64(len(c.columns[i].Levels)), ""
}

// bool reads the value of feature i, which is not a Text, from a truth value.
func (c *Cells) bool(i int, v bool) (value float64, reason string) {
	column := &c.columns[i]
	switch column.kind() {
	case Categorical:
		spellings := [...]string{"false", "False", "FALSE"}
		if v {
			spellings = [...]string{"true", "True", "TRUE"}
		}
		for _, text := range spellings {
			if code, ok := column.codes[text]; ok {
				return code, ""
			}
		}
		return c.other(i, []byte(spellings[0]))
	case Datetime:
		return 0, strconv.FormatBool(v) + " is not a date"
	}
	if v {
		return 1, ""
	}
	return 0, ""
}

// absent returns the value of feature i in a row that has none.
func (c *Cells) absent(i int) (value float64, reason string) {
	column := &c.columns[i]
	switch {
	case column.Missing:
		return math.NaN(), ""
	case column.Kind == Categorical && !c.strict:
		return float64(len(column.Levels)), ""
	case column.Kind == Text && !c.strict:
		return ngram.ID(nil), ""
	}
	return 0, "empty cell, want a " + column.noun()
}

// parseBoolean reads a truth value.
func parseBoolean[T string | []byte](text T) (float64, bool) {
	switch len(text) {
	case 1:
		switch text[0] {
		case '1', 't', 'T', 'y', 'Y':
			return 1, true
		case '0', 'f', 'F', 'n', 'N':
			return 0, true
		}
	case 2, 3, 4, 5:
		for _, word := range [...]struct {
			text  string
			value float64
		}{{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"1.0", 1}, {"0.0", 0}} {
			if equalFold(text, word.text) {
				return word.value, true
			}
		}
	}
	return 0, false
}

// equalFold compares a text with a word in lower case.
func equalFold[T string | []byte](text T, word string) bool {
	return len(text) == len(word) && strings.EqualFold(string(text), word)
}

// isInfinite reports whether a text is a word for an infinite number.
func isInfinite[T string | []byte](text T) bool {
	for len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return equalFold(text, "inf") || equalFold(text, "infinity")
}
