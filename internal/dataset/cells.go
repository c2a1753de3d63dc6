package dataset

import (
	"math"
	"strconv"
	"strings"

	"iris/internal/literal"
	"iris/internal/ngram"
)

// Cells turns what a client sends for the features of a schema into the numbers of a table: the text of a CSV cell or
// of a JSON string, a number, a truth value, or nothing. It allocates for a bad value only, never for a good one.
// Several goroutines may use it.
type Cells struct {
	columns []cells
	width   int                 // of a row
	missing map[string]struct{} // lower case
	strict  bool                // see Strict
}

// cells is a Column with its levels by their text.
type cells struct {
	Column
	codes map[string]float64
	at    int // of the values of a text in a row
}

// TextValues is the number of values of a text in a row, beside its identity. Package ngram makes them.
const TextValues = ngram.Size

// DefaultMissing returns the texts that mean that a value is missing, in any case, unless a schema has others. An empty
// cell always means it.
func DefaultMissing() []string { return []string{"na", "n/a", "nan", "null", "none", "?", "-"} }

// NewCells returns the Cells of the features of s.
func NewCells(s Schema) *Cells {
	c := &Cells{
		columns: make([]cells, len(s.Features)), width: len(s.Features), missing: missingWords(s.MissingValues),
	}
	for i := range c.columns {
		column := s.Column(i)
		c.columns[i] = cells{Column: column}
		if column.Kind == Text {
			c.columns[i].at = c.width
			c.width += TextValues
		}
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
// categorical feature or a text if training saw none.
func (c *Cells) Strict() *Cells {
	strict := *c
	strict.strict = true
	return &strict
}

// Width returns the number of values in a row, as Schema.Width does.
func (c *Cells) Width() int { return c.width }

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

// Text sets the value of feature i in the row x to that of a text, with or without blanks around it. The reason says
// what is wrong with the text and is "" for a good one.
func (c *Cells) Text(x []float64, i int, text []byte) (reason string) {
	column := &c.columns[i]
	if column.Kind != Text {
		x[i], reason = c.text(i, text)
		return reason
	}
	text = literal.Trim(text)
	if isMissing(c.missing, text) {
		return c.Missing(x, i)
	}
	c.words(x, i, text)
	return ""
}

// words sets the values of a text.
func (c *Cells) words(x []float64, i int, text []byte) {
	at := c.columns[i].at
	x[i] = ngram.ID(text)
	ngram.Hash(text, x[at:at+TextValues])
}

// Number sets the value of feature i in the row x to that of a number. A level of a categorical feature is the shortest
// decimal text of the number, or that of a whole number with ".0" after it. A text is the shortest decimal text. A
// boolean is 0 or 1, and a date is its days since 1970-01-01. NaN is a missing value.
func (c *Cells) Number(x []float64, i int, v float64) (reason string) {
	if math.IsNaN(v) {
		return c.Missing(x, i)
	}
	if c.columns[i].Kind == Text {
		var buf [decimalBytes]byte
		c.words(x, i, strconv.AppendFloat(buf[:0], v+0, 'f', -1, 64))
		return ""
	}
	x[i], reason = c.number(i, v)
	return reason
}

// Bool sets the value of feature i in the row x to that of a truth value: 1 or 0, for a categorical feature the level
// true or false in any case, and for a text the word.
func (c *Cells) Bool(x []float64, i int, v bool) (reason string) {
	if c.columns[i].Kind == Text {
		var buf [8]byte
		c.words(x, i, strconv.AppendBool(buf[:0], v))
		return ""
	}
	x[i], reason = c.bool(i, v)
	return reason
}

// Missing sets the value of feature i in the row x to NaN, which a row has that lacks one. If training saw no missing
// value, that of a categorical feature is the code of all other texts, that of a text is an empty one, and that of any
// other feature is refused.
func (c *Cells) Missing(x []float64, i int) (reason string) {
	x[i], reason = c.absent(i)
	if column := &c.columns[i]; column.Kind == Text {
		clear(x[column.at : column.at+TextValues])
	}
	return reason
}

// noun names a value of the column.
func (c Column) noun() string {
	switch c.kind() {
	case Boolean:
		return "truth value"
	case Categorical, Text:
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
