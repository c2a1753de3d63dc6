package dataset

import (
	"math"
	"strings"

	"iris/internal/literal"
	"iris/internal/tally"
)

const (
	// MaxNumber is the largest magnitude of a number in a dataset. The square of a larger one would overflow.
	MaxNumber = 1e150
	// MaxLevel is the length of the longest level, in bytes. A longer text counts as one of all other texts.
	MaxLevel = 256

	numberTexts = 1000    // spellings of numbers that are remembered in case that the column is not one of numbers
	allTexts    = 1 << 20 // texts of all columns that are remembered
)

// observed is what a pass has seen in the cells of one column.
type observed struct {
	name string
	want Kind // the kind that the options or the model's schema ask for, "" to infer it
	free bool // want is the model's, which may change

	cells   int // cells with a value
	missing int

	numbers  tally.Numbers // plain and formatted ones
	sequence uint64        // sum of the hashes of whole numbers, to compare with that of all numbers from Min to Max
	whole    int           // whole numbers
	digits   int           // if all cells are digits and equally long: their length; else -1
	zeros    bool          // some cell of more than one digit begins with 0

	formatted int     // numbers among them that are formatted
	infinite  example // words for an infinite number
	huge      example // numbers beyond MaxNumber
	text      example // cells that are none of these
	foreign   example // cells that are not UTF-8

	booleans booleans
	dates    dates

	texts    *tally.Texts
	limit    int  // of texts
	counting bool // texts has counted all cells so far
}

// example counts the cells of a sort and shows the first one.
type example struct {
	count, line int
	text        string
}

func (e *example) add(text string, line int) {
	if e.count++; e.count == 1 {
		e.text, e.line = strings.Clone(text[:min(len(text), MaxLevel)]), line
	}
}

func newObserved(name string, want Kind, columns int) *observed {
	c := &observed{name: name, want: want, limit: max(numberTexts/4, min(4*MaxLevels, allTexts/columns)), counting: true}
	c.texts = tally.NewTexts(min(numberTexts, c.limit))
	if want == Categorical {
		c.texts.Grow(c.limit)
	}
	return c
}

// add counts a cell of a row, where share is 1/rows and row counts itself. It returns a hash of the value and allocates
// nothing for most numbers.
func (c *observed) add(cell string, line, row int, share float64, words map[string]struct{}) uint64 {
	v, ok := literal.ParseShort(cell)
	if !ok {
		var end int
		cell = literal.Trim(cell)
		v, end, ok = literal.ParseNumber(cell, literal.CSV)
		if !ok || end != len(cell) || math.Abs(v) > MaxNumber {
			return c.addText(cell, line, words)
		}
	}
	c.cells++
	if c.digits >= 0 {
		c.addDigits(cell)
	}
	v += 0 // 0 for -0
	hash := tally.Mix(math.Float64bits(v))
	if v == math.Trunc(v) {
		c.whole++
		c.sequence += hash
	}
	if c.numbers.Count == row-1 {
		c.numbers.AddShare(v, share)
	} else {
		c.numbers.Add(v)
	}
	if c.want == Boolean {
		c.booleans.add(cell, line)
	}
	if c.want == Datetime {
		c.dates.odd.add(cell, line)
	}
	if c.counting {
		c.count(cell)
	}
	return hash
}

// addDigits checks whether the column may be one of codes such as zip codes.
func (c *observed) addDigits(cell string) {
	if c.digits > 0 && c.digits != len(cell) {
		c.digits = -1
		return
	}
	for i := range len(cell) {
		if !literal.IsDigit(cell[i]) {
			c.digits = -1
			return
		}
	}
	if c.digits = len(cell); cell[0] == '0' && len(cell) > 1 {
		c.zeros = true
	}
}

// count counts the text of a cell. It stops in a column of so many numbers that they cannot be levels.
func (c *observed) count(cell string) uint64 {
	hash := tally.Hash(cell)
	if c.texts.Full() {
		switch {
		case c.digits > 0 && c.cells == c.numbers.Count:
			c.texts.Grow(c.limit) // zip codes, perhaps
		case c.numbers.Count == c.cells && c.want != Categorical:
			c.counting = false
			return hash
		}
	}
	if len(cell) > MaxLevel {
		cell = cell[:MaxLevel+1] // no level
	}
	c.texts.Add(cell, hash)
	return hash
}

// distinct returns the number of different texts, and whether it is exact.
func (c *observed) distinct() (int, bool) {
	n, exact := c.texts.Distinct()
	return n, exact && c.counting
}
