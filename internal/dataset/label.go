package dataset

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxGuessed = 20 // values of a column that may be the class without being named
	// A column of numbers is continuous if it has more than continuousParts different numbers that are not whole, or
	// more than continuousWhole numbers that are different in more than continuousShare of the rows.
	continuousParts = 20
	continuousWhole = 50
	continuousShare = 0.2
)

// regression refuses a class column of numbers that are not classes.
const regression = "looks like a number to be estimated, not a class: regression is not supported; " +
	"name the class column with label_column"

// classNames are names of class columns, in lower case.
func classNames() []string {
	return []string{"class", "classes", "label", "labels", "target", "y", "outcome", "species", "diagnosis", "category"}
}

// choice says which column holds the class, and why.
type choice struct {
	name   string
	labels *labels
	last   *observed // the last column if it became a feature, else nil
	reason string
	doubt  string // the name of another column that looks more like a class, or ""
}

// chooseLabel decides which column holds the class. The last one does, unless it is given. If the last one clearly
// does not, because its values are continuous, different in every row or all the same, the only other column with 2
// values, or with up to maxGuessed texts, does, or the only one with the name of a class.
func (s *scan) chooseLabel() (choice, error) {
	c := choice{name: s.layout.label, labels: s.labels}
	switch known := s.options.Known; {
	case s.options.LabelColumn != "":
		c.reason = "label_column names it"
	case known != nil && known.Label == c.name:
		c.reason = "it is the model's"
	default:
		c.reason = "it is the last column"
	}
	if s.last == nil {
		return c, nil
	}
	other := s.likelyClass()
	why := s.last.noClass()
	switch {
	case why == "" && other != nil && s.last.numbers.Count == s.last.cells && s.last.values() > 2 &&
		(other.values() == 2 || other.hasClassName()):
		c.doubt = other.name
		return c, nil
	case why == "":
		return c, nil
	case other == nil && s.last.numbers.Count == s.last.cells && s.last.values() > 1:
		return c, &RowError{Column: c.name, Reason: regression}
	case other == nil:
		return c, nil
	}
	c.reason = fmt.Sprintf("the last column, %s, %s, and no other column is as likely", Shown(c.name), why)
	c.name, c.last, c.labels = other.name, s.last, other.asLabels(s.options)
	return c, nil
}

// likelyClass returns the only column that may hold the class beside the last one, or nil.
func (s *scan) likelyClass() *observed {
	var likely, named []*observed
	for _, c := range s.columns {
		n, exact := c.distinct()
		if !exact || n < 2 || n > maxGuessed || c.noClass() != "" || s.options.Columns[c.name] != "" {
			continue
		}
		if c.numbers.Count == c.cells && n > 2 && !c.hasClassName() {
			continue // a quantity, rather
		}
		likely = append(likely, c)
		if c.hasClassName() {
			named = append(named, c)
		}
	}
	switch {
	case len(named) == 1:
		return named[0]
	case len(likely) == 1:
		return likely[0]
	}
	return nil
}

func (c *observed) hasClassName() bool { return slices.Contains(classNames(), strings.ToLower(c.name)) }

func (c *observed) values() int {
	n, _ := c.distinct()
	return n
}

// noClass says why the column cannot hold the class, or returns "".
func (c *observed) noClass() string {
	n, exact := c.distinct()
	parts := c.numbers.Count - c.whole
	switch {
	case c.cells == 0:
		return "has no value"
	case n == 1 && exact:
		return "has one value only"
	case c.cells >= minMostly && (n == c.cells || !c.counting && c.isSequence(minUnique)):
		return "has another value in every row"
	case c.numbers.Count < c.cells:
		return ""
	case parts > 0 && n > continuousParts,
		n > continuousWhole && (!exact || float64(n) > continuousShare*float64(c.cells)):
		return "has continuous numbers"
	}
	return ""
}

// asLabels counts the texts of the column as labels.
func (c *observed) asLabels(o ScanOptions) *labels {
	l := newLabels(o.Known, o.MissingValues)
	l.empty = c.missing
	for _, t := range c.texts.Sorted() {
		if l.add(t.Text, 0) {
			l.seen[len(l.seen)-1].rows = t.Count
		} else {
			l.empty += t.Count - 1
		}
	}
	return l
}
