package dataset

import (
	"fmt"
	"math"

	"iris/internal/literal"
	"iris/internal/tally"
)

const (
	minMostly   = 10              // cells that a column needs to be mostly of one kind
	mostly      = 0.9             // share of them
	minUnique   = 20              // rows of a table in which a text that is never twice is an identifier
	maxTexts    = 200             // different texts of a column that is not free text
	rareLevel   = 1.0 / MaxLevels // share of rows that a level needs at least
	maxSequence = 50_000_000      // rows for which the hashes of a sequence are added up
	notNumeric  = "is not a finite number"
	notFinite   = "is not a finite number from -1e150 to 1e150"
)

// inferred is what a column turned out to be.
type inferred struct {
	Column
	out   string // the code of the warning about a column that is left out, or ""
	fault *RowError
}

// infer decides what the column is. known is the model's column of that name, nil if it has none.
func (c *observed) infer(known *Column, rows int) inferred {
	if c.want != "" {
		column, fault := c.as(c.want, known, rows)
		if fault == nil || !c.free {
			return inferred{Column: column, fault: fault}
		}
		known = nil
	}
	if c.cells == c.infinite.count { // none at all, or no finite one
		return inferred{Column: Column{Kind: Numeric, Missing: true}, out: CodeEmpty}
	}
	var kind Kind
	switch {
	case c.numbers.Count+c.infinite.count == c.cells && c.zeros && c.digits > 0:
		kind = Categorical
	case c.numbers.Count+c.infinite.count+c.huge.count == c.cells:
		kind = Numeric
	case c.booleans.words == c.cells && c.booleans.one():
		kind = Boolean
	case c.dates.fits() == c.cells:
		if order, _ := c.dates.order(c.cells, ""); order != "" {
			kind = Datetime
		} else {
			kind = Categorical
		}
	case c.cells >= minMostly && float64(c.cells-c.text.count) >= mostly*float64(c.cells):
		kind = Numeric
	default:
		kind = Categorical
	}
	column, fault := c.as(kind, known, rows)
	return inferred{Column: column, fault: fault, out: c.leftOut(kind)}
}

// leftOut returns why a column of a kind is of no use, "" if it may be of some.
func (c *observed) leftOut(kind Kind) string {
	distinct, _ := c.distinct()
	switch {
	case kind == Numeric && c.isSequence(minUnique):
		return CodeID
	case kind != Categorical:
		return ""
	case distinct > maxTexts && 2*distinct > c.cells:
		return CodeText
	case c.cells >= minUnique && c.texts.Unique() && c.counting && c.missing == 0:
		return CodeID
	}
	return ""
}

// isSequence reports whether the numbers are consecutive whole numbers in any order, and enough of them.
func (c *observed) isSequence(atLeast int) bool {
	n := c.numbers.Count
	if n < atLeast || n > maxSequence || c.missing > 0 || c.whole != n || c.numbers.Max-c.numbers.Min != float64(n-1) {
		return false
	}
	sum := uint64(0)
	for i := range n {
		sum += tally.Mix(math.Float64bits(c.numbers.Min + float64(i)))
	}
	return sum == c.sequence
}

// as describes the column as one of a kind. The error names its cells that do not fit.
func (c *observed) as(kind Kind, known *Column, rows int) (Column, *RowError) {
	column := Column{Kind: kind, Missing: c.missing > 0 || known != nil && known.Missing}
	var odd example
	var reason string
	switch kind {
	case Numeric:
		odd, reason = c.text, notNumeric
		if c.huge.count > 0 {
			odd, reason = c.huge, notFinite
		}
		column.Formatted = c.formatted > 0 || known != nil && known.Formatted
		column.Missing = column.Missing || c.infinite.count > 0
	case Boolean:
		odd, reason = c.booleans.odd, "is neither true nor false"
	case Datetime:
		order := literal.DateOrder("")
		if known != nil {
			order = known.DateOrder
		}
		odd, reason = c.dates.odd, "is not a date"
		column.DateOrder, _ = c.dates.order(c.cells, order)
		if odd.count == 0 && column.DateOrder == "" && c.cells > 0 {
			return column, &RowError{Column: c.name, Reason: "has dates whose order of day and month is not clear"}
		}
		if column.DateOrder == literal.YearFirst {
			column.DateOrder = ""
		}
	case Text:
		odd, reason = c.foreign, "is not UTF-8"
	case Categorical:
		odd, reason = c.foreign, "is not UTF-8"
		column.Levels = c.levels(rows)
	}
	if odd.count == 0 {
		return column, nil
	}
	hint := reason != notFinite && c.cells >= minMostly
	if odd.count > 1 {
		reason += fmt.Sprintf(", and %d of %d cells of the column are like it", odd.count, c.cells)
	}
	if hint {
		reason += "; give the kind of the column in columns, or the words for no value in missing_values"
	}
	return column, &RowError{Line: odd.line, Column: c.name, Reason: Shown(odd.text) + " " + reason}
}

// levels returns the texts that are frequent enough for a level, in the order of Column.Levels.
func (c *observed) levels(rows int) []string {
	var levels []string
	for _, t := range c.texts.Sorted() {
		if len(levels) == MaxLevels || float64(t.Count) < rareLevel*float64(rows) {
			break
		}
		if len(t.Text) <= MaxLevel {
			levels = append(levels, t.Text)
		}
	}
	return levels
}

// profile describes the cells as those of a column.
func (c *observed) profile(column Column) ColumnProfile {
	p := ColumnProfile{Name: c.name}
	if !column.plain() {
		p.Kind, p.Missing = column.kind(), c.missing
	}
	numbers := &c.numbers
	switch column.kind() {
	case Numeric:
		if column.Missing {
			p.Missing += c.infinite.count
		}
	case Boolean:
		numbers = &tally.Numbers{}
		for i := range c.booleans.words {
			v := 0.0
			if i < c.booleans.trues {
				v = 1
			}
			numbers.Add(v)
		}
	case Datetime:
		numbers = c.dates.daysIn(column.DateOrder)
	case Text:
		p.Distinct, _ = c.distinct()
		numbers = &tally.Numbers{}
	case Categorical:
		p.Distinct, _ = c.distinct()
		numbers = &tally.Numbers{}
		for _, t := range c.texts.Sorted() {
			if len(p.Top) == maxTop {
				break
			}
			p.Top = append(p.Top, LevelCount{Level: shorten(t.Text), Rows: t.Count})
		}
	}
	p.Min, p.Max, p.Mean, p.Std = numbers.Min, numbers.Max, numbers.Mean, numbers.Std()
	p.Histogram = numbers.Histogram()
	return p
}
