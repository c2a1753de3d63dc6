package dataset

import (
	"fmt"
	"math"
	"slices"

	"iris/internal/literal"
)

// Kind says how the cells of a feature become numbers.
type Kind string

// The kinds of features.
const (
	Numeric     Kind = "numeric"     // the number itself
	Boolean     Kind = "boolean"     // 1 for true, yes and 1; 0 for false, no and 0
	Categorical Kind = "categorical" // the index of a level; see Column.Levels
	Datetime    Kind = "datetime"    // days since 1970-01-01 in UTC, with the time of day as a fraction
	Text        Kind = "text"        // an identity of the text, and values of its words elsewhere in the row; see Table.X
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Numeric, Boolean, Categorical, Datetime, Text} }

// MaxLevels is the maximum number of levels of a feature. All rarer texts share the code after the last level.
const MaxLevels = 10_000

// Column describes how the cells of one feature become numbers. The zero value is a numeric column without missing
// values.
type Column struct {
	Kind Kind `json:"kind"` // "" means Numeric
	// Levels are the texts of a categorical feature, the most frequent first, and the first in bytewise order of
	// equally frequent ones. The number of a level is its index. len(Levels) stands for all other texts: those that
	// are too rare for a level, and those that training did not see.
	Levels []string `json:"levels,omitempty"`
	// Missing says that values may be missing, because training saw some or was told to expect them. A missing value
	// is NaN.
	Missing bool `json:"missing,omitempty"`
	// Formatted says that numbers have thousands separators, currency signs or percent signs, which do not count.
	Formatted bool              `json:"formatted,omitempty"`
	DateOrder literal.DateOrder `json:"date_order,omitempty"` // of a Datetime; "" means literal.YearFirst
}

// kind returns the kind of c, which is never "".
func (c Column) kind() Kind {
	if c.Kind == "" {
		return Numeric
	}
	return c.Kind
}

// Codes returns the number of codes of a categorical column, that of all other texts included, and 0 for any other
// column.
func (c Column) Codes() int {
	if c.kind() != Categorical {
		return 0
	}
	return len(c.Levels) + 1
}

// plain reports whether the cells of c are numbers and nothing else.
func (c Column) plain() bool { return c.kind() == Numeric && !c.Missing && !c.Formatted }

// check returns what is wrong with c, or nil.
func (c Column) check() error {
	if !slices.Contains(Kinds(), c.kind()) {
		return fmt.Errorf("kind %s, want one of %v", Shown(string(c.Kind)), Kinds())
	}
	if len(c.Levels) > MaxLevels || len(c.Levels) > 0 && c.kind() != Categorical {
		return fmt.Errorf("%d levels of a %s column", len(c.Levels), c.kind())
	}
	if sorted := slices.Sorted(slices.Values(c.Levels)); len(slices.Compact(sorted)) != len(c.Levels) {
		return fmt.Errorf("a level is given twice")
	}
	return c.DateOrder.Check()
}

// CheckValue returns what is wrong with a value of c in a table, "" if nothing is.
func (c Column) CheckValue(v float64) string {
	switch {
	case v != v && c.Missing:
		return ""
	case !literal.IsFinite(v):
		return fmt.Sprintf("is %v, want a finite %s", v, c.noun())
	}
	switch c.kind() {
	case Text:
		if v < 0 || v != math.Trunc(v) {
			return fmt.Sprintf("is %v, want the identity of a text", v)
		}
	case Boolean:
		if v != 0 && v != 1 {
			return fmt.Sprintf("is %v, want 0 or 1", v)
		}
	case Categorical:
		if v < 0 || v > float64(len(c.Levels)) || v != float64(int(v)) {
			return fmt.Sprintf("is %v, want the code of a level, 0 to %d", v, len(c.Levels))
		}
	}
	return ""
}
