package dataset

import (
	"strings"
	"unicode/utf8"

	"iris/internal/literal"
	"iris/internal/tally"
)

// addText counts a cell that is not a plain number.
func (c *observed) addText(cell string, line int, words map[string]struct{}) uint64 {
	if isMissing(words, cell) {
		c.missing++
		return 0
	}
	c.cells++
	c.digits = -1
	if _, end, ok := literal.ParseNumber(cell, literal.CSV); ok && end == len(cell) {
		c.huge.add(cell, line)
	} else if isInfinite(cell) {
		c.infinite.add(cell, line)
	} else if v, ok := literal.ParseFormatted([]byte(cell)); ok && v <= MaxNumber && v >= -MaxNumber {
		c.formatted++
		c.numbers.Add(v + 0)
	} else {
		c.text.add(cell, line)
	}
	if !utf8.ValidString(cell) {
		c.foreign.add(strings.ToValidUTF8(cell, "\ufffd"), line)
	}
	if c.want == Boolean || c.booleans.words == c.cells-1 {
		c.booleans.add(cell, line)
	}
	if c.want == Datetime || c.dates.fits() >= c.cells-1 {
		c.dates.add(cell, line)
	}
	c.counting = true
	c.texts.Grow(c.limit)
	return c.count(cell)
}

// booleans counts truth values.
type booleans struct {
	words, trues int     // words for a truth value
	single       [2]int  // of one letter each: false and true ones
	pairs        uint8   // sorts of words: 1 << the length of the word for true
	odd          example // other cells
}

func (b *booleans) add(cell string, line int) {
	v, ok := parseBoolean(cell)
	if !ok {
		b.odd.add(cell, line)
		return
	}
	b.words++
	b.trues += int(v)
	switch c := cell[0] | 0x20; {
	case len(cell) == 1 && (c == 't' || c == 'f'):
		b.pairs |= 1
		b.single[int(v)]++
	case len(cell) == 1 && (c == 'y' || c == 'n'):
		b.pairs |= 2
		b.single[int(v)]++
	case c == 't' || c == 'f':
		b.pairs |= 4
	case c == 'y' || c == 'n':
		b.pairs |= 8
	default:
		b.pairs |= 16 // 1 and 0
	}
}

// one reports whether the words are of one pair, such as yes and no. Letters need both of the pair: a column of F may
// hold anything.
func (b *booleans) one() bool {
	switch b.pairs {
	case 4, 8:
		return true
	case 1, 2:
		return b.single[0] > 0 && b.single[1] > 0
	}
	return false
}

// dates counts dates by the order of their parts.
type dates struct {
	orders [3]struct {
		cells int
		days  tally.Numbers
	} // as dateOrders
	points int     // dates with a point between their parts
	odd    example // cells that are not a date in any order
}

var dateOrders = [3]literal.DateOrder{literal.YearFirst, literal.DayFirst, literal.MonthFirst}

// fits returns the number of cells that fit the best order.
func (d *dates) fits() int { return max(d.orders[0].cells, d.orders[1].cells, d.orders[2].cells) }

func (d *dates) add(cell string, line int) {
	some := false
	for i, order := range dateOrders {
		date, ok := literal.ParseDate(cell, order)
		if !ok {
			continue
		}
		some = true
		d.orders[i].cells++
		d.orders[i].days.Add(date.Days)
	}
	switch {
	case !some:
		d.odd.add(cell, line)
	case strings.Contains(cell[:min(3, len(cell))], "."):
		d.points++
	}
}

// order returns the order in which all cells are dates. The order of the model's column is preferred if several are
// possible, then days first if points divide the parts. Otherwise the dates are ambiguous.
func (d *dates) order(cells int, known literal.DateOrder) (order literal.DateOrder, ambiguous bool) {
	var fit []literal.DateOrder
	for i, o := range dateOrders {
		if d.orders[i].cells != cells {
			continue
		}
		if o == literal.YearFirst || o == known {
			return o, false
		}
		fit = append(fit, o)
	}
	switch {
	case len(fit) == 0:
		return "", false
	case len(fit) == 1 || d.points == cells:
		return fit[0], false
	}
	return "", true
}

// daysIn returns the days of all cells in an order.
func (d *dates) daysIn(order literal.DateOrder) *tally.Numbers {
	for i, o := range dateOrders {
		if o == order {
			return &d.orders[i].days
		}
	}
	return &d.orders[0].days
}
