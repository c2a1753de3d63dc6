package dataset

import (
	"math"
	"strconv"
	"strings"

	"iris/internal/literal"
)

// Cells turns what a client sends for the features of a schema into the numbers of a table: the text of a CSV cell or
// of a JSON string, a number, a truth value, or nothing. It allocates for a bad value only, never for a good one.
// Several goroutines may use it.
type Cells struct {
	columns []cells
	missing map[string]struct{} // lower case
	strict  bool                // see Strict
}

// cells is a Column with its levels by their text.
type cells struct {
	Column
	codes map[string]float64
}

// DefaultMissing returns the texts that mean that a value is missing, in any case, unless a schema has others. An empty
// cell always means it.
func DefaultMissing() []string { return []string{"na", "n/a", "nan", "null", "none", "?", "-"} }

// NewCells returns the Cells of the features of s.
func NewCells(s Schema) *Cells {
	c := &Cells{columns: make([]cells, len(s.Features)), missing: missingWords(s.MissingValues)}
	for i := range c.columns {
		column := s.Column(i)
		c.columns[i] = cells{Column: column}
		if column.Kind != Categorical {
			continue
		}
		c.columns[i].codes = make(map[string]float64, len(column.Levels))
		for code, level := range column.Levels {
			c.columns[i].codes[level] = float64(code)
		}
	}
	return c
}

// Strict returns the same Cells, which refuse a text that is not a level of its feature, and a missing value of a
// categorical feature if training saw none.
func (c *Cells) Strict() *Cells { return &Cells{columns: c.columns, missing: c.missing, strict: true} }

// Optional reports whether a row may lack a value of feature i.
func (c *Cells) Optional(i int) bool { return c.columns[i].Missing }

// Want names a value of feature i, with its article, for an error text.
func (c *Cells) Want(i int) string { return "a " + c.columns[i].noun() }

// Kind returns the kind of feature i.
func (c *Cells) Kind(i int) Kind { return c.columns[i].kind() }

func missingWords(words []string) map[string]struct{} {
	if words == nil {
		words = DefaultMissing()
	}
	set := make(map[string]struct{}, len(words))
	for _, word := range words {
		set[strings.ToLower(word)] = struct{}{}
	}
	return set
}

// isMissing reports whether a trimmed text means that a value is missing.
func isMissing[T string | []byte](words map[string]struct{}, text T) bool {
	const longest = 32
	if len(text) == 0 {
		return true
	}
	if len(text) > longest {
		return false
	}
	var lower [longest]byte
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	_, ok := words[string(lower[:len(text)])]
	return ok
}

// Text reads the value of feature i from a text, with or without blanks around it. The reason says what is wrong with
// the text and is "" for a good one.
func (c *Cells) Text(i int, text []byte) (value float64, reason string) {
	column := &c.columns[i]
	text = literal.Trim(text)
	if column.Kind == Categorical {
		if code, ok := column.codes[string(text)]; ok {
			return code, ""
		}
		if isMissing(c.missing, text) {
			return c.Missing(i)
		}
		return c.other(i, text)
	}
	if column.kind() == Numeric {
		if v, end, ok := literal.ParseNumber(text, literal.CSV); ok && end == len(text) && literal.IsFinite(v) {
			return v + 0, "" // 0 for -0
		}
	}
	if isMissing(c.missing, text) {
		return c.Missing(i)
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
		return c.Missing(i)
	}
	return 0, Shown(string(text)) + " is not a finite number"
}

// Number reads the value of feature i from a number. A level of a categorical feature is the shortest decimal text of
// the number, or that of a whole number with ".0" after it. A boolean is 0 or 1, and a date is its days since
// 1970-01-01. NaN is a missing value.
func (c *Cells) Number(i int, v float64) (value float64, reason string) {
	column := &c.columns[i]
	if math.IsNaN(v) {
		return c.Missing(i)
	}
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
			return c.Missing(i)
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
	var buf [512]byte // holds any number
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

// Bool reads the value of feature i from a truth value: 1 or 0, and for a categorical feature the level true or false
// in any case.
func (c *Cells) Bool(i int, v bool) (value float64, reason string) {
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

// Missing returns NaN, the value of feature i in a row that has none. If training saw no missing value, that of a
// categorical feature is the code of all other texts, and that of any other feature is refused.
func (c *Cells) Missing(i int) (value float64, reason string) {
	column := &c.columns[i]
	switch {
	case column.Missing:
		return math.NaN(), ""
	case column.Kind == Categorical && !c.strict:
		return float64(len(column.Levels)), ""
	}
	return 0, "empty cell, want a " + column.noun()
}

// noun names a value of the column.
func (c Column) noun() string {
	switch c.kind() {
	case Boolean:
		return "truth value"
	case Categorical:
		return "text"
	case Datetime:
		return "date"
	}
	return "number"
}

// Gaps counts the values of rows that a model did not learn from.
type Gaps struct {
	Unseen  int `json:"unseen,omitempty"`  // texts of categorical features that are not a level
	Missing int `json:"missing,omitempty"` // missing values
}

// Count adds the gaps of a row to g.
func (c *Cells) Count(x []float64, g *Gaps) {
	for i := range c.columns {
		switch v := x[i]; {
		case v != v:
			g.Missing++
		case c.Unseen(i, v):
			g.Unseen++
		}
	}
}

// Unseen reports whether v stands for a text of feature i that is not a level.
func (c *Cells) Unseen(i int, v float64) bool {
	column := &c.columns[i]
	return column.Kind == Categorical && v == float64(len(column.Levels))
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
