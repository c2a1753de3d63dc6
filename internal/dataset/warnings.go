package dataset

import (
	"fmt"
	"slices"

	"iris/internal/tally"
)

const (
	rareClass = 0.01 // share of rows of a class that is called rare
	spike     = 0.05 // share of the values of a number that may stand for a missing value
	spread    = 10   // values that a column needs beside such a number
)

func (s *Summary) warn(severity Severity, code, column, message string) {
	s.Warnings = append(s.Warnings, Warning{severity, code, column, message})
}

// sayLabel warns of a class column that was chosen, or that is in doubt.
func (f *finishing) sayLabel(c choice) {
	if c.last != nil {
		f.warn(Alert, CodeLabel, c.name, "is taken as the class column: "+c.reason)
	}
	if c.doubt != "" {
		f.warn(Alert, CodeLabel, c.name, fmt.Sprintf(
			"is taken as the class column because it is the last one, but %s looks more like a class; name it with label_column",
			Shown(c.doubt)))
	}
}

// sayColumn warns of what is odd in a column that becomes a feature.
func (f *finishing) sayColumn(c *observed, found inferred) {
	n, exact := c.distinct()
	if n == 1 && exact && c.missing == 0 {
		f.warn(Info, CodeConstant, c.name, "has one value only, so it tells nothing")
	}
	if found.kind() == Numeric && c.infinite.count > 0 {
		f.warn(Alert, CodeInfinite, c.name, fmt.Sprintf(
			"has %s, which count as missing", count(c.infinite.count, "infinite number")))
	}
	if _, ambiguous := c.dates.order(
		c.cells,
		"",
	); found.kind() == Categorical && c.want == "" && c.cells > 0 &&
		ambiguous {
		f.warn(Alert, CodeAmbiguous, c.name, "has dates whose order of day and month is not clear, so they are read as "+
			"categories; write them as 2024-12-31, or set their kind in columns")
	}
	if found.kind() != Numeric {
		return
	}
	if v, rows := c.disguised(); rows > 0 {
		f.warn(Alert, CodeDisguised, c.name, fmt.Sprintf(
			"is %s in %s, far from its other values: if it means that the value is missing, add it to missing_values",
			Shown(v), count(rows, "row")))
	}
}

// sayRows warns of classes with few rows and of equal rows. compared says that rows were compared by the features and
// the class that they have now.
func (f *finishing) sayRows(compared bool) {
	for _, c := range f.Profile.Classes {
		if float64(c.Rows) < rareClass*float64(f.Profile.Rows) {
			f.warn(Alert, CodeImbalance, f.Schema.Label, fmt.Sprintf(
				"the class %s has %s of %d", Shown(c.Class), count(c.Rows, "row"), f.Profile.Rows))
		}
	}
	duplicates, conflicts, exact := f.scan.equal.Equal()
	if !compared {
		return
	}
	about := ""
	if !exact {
		about = "about "
	}
	if duplicates > 0 {
		f.warn(Info, CodeDuplicates, "", about+count(duplicates, "row")+" equal to an earlier one")
	}
	if conflicts > 0 {
		f.warn(Alert, CodeConflicts, "", about+count(conflicts, "row")+" equal to one of another class")
	}
}

// disguised returns a number that may stand for a missing value, and its rows: the only negative one, the only one of
// nines, or 0, if it is frequent and far from all others.
func (c *observed) disguised() (text string, rows int) {
	type number struct {
		value float64
		tally.Text
	}
	var numbers []number
	total := 0
	for _, t := range c.texts.Sorted() {
		if v, ok := ParseCell(t.Text); ok {
			numbers = append(numbers, number{v, t})
			total += t.Count
		}
	}
	if len(numbers) <= spread {
		return "", 0
	}
	slices.SortFunc(numbers, func(a, b number) int {
		if a.value < b.value {
			return -1
		}
		return 1
	})
	last := len(numbers) - 1
	low, high := numbers[0], numbers[last]
	frequent := func(n number) bool { return float64(n.Count) >= spike*float64(total) }
	switch {
	case slices.Contains([]string{"99", "999", "9999", "99999"}, high.Text.Text) && frequent(high) &&
		high.value >= 2*numbers[last-1].value:
		return high.Text.Text, high.Count
	case slices.Contains([]string{"-1", "-9", "-99", "-999", "-9999"}, low.Text.Text) && frequent(low) &&
		numbers[1].value > 0:
		return low.Text.Text, low.Count
	case low.value == 0 && frequent(low) && numbers[1].value >= numbers[last].value/10:
		return low.Text.Text, low.Count
	}
	return "", 0
}
