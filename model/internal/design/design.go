// Package design turns rows of mixed tables into the inputs of a learner. It knows how a learner wants to see
// categories and missing values, and not what the learner does with them.
package design

import (
	"fmt"
	"math"
	"sync"

	"iris/internal/dataset"
)

// Design turns the row of a mixed table, as dataset.Table describes it, into the inputs of a learner, which are
// numbers. Its JSON form is part of the artifact of a model. It does not change after Prepare, so any number of
// goroutines may use it.
type Design struct {
	Columns []Column `json:"columns"` // per feature
	// Classes are the classes that the statistics of categorical features describe, as indexes; see statistics.
	Classes []int `json:"classes,omitempty"`

	inputs  int        // derived by Prepare, as the next ones are
	width   int        // of a row
	scratch *sync.Pool // of *[]float64: the inputs of a row
}

// Column says which inputs a feature becomes: Numbers and Indicator for a number, a truth value or a date, Text for a
// text, and the others for a category.
type Column struct {
	Text bool `json:"text,omitempty"` // one input per value of a text, all 0 if it is missing

	Numbers   []Number `json:"numbers,omitempty"`   // one input each
	Indicator bool     `json:"indicator,omitempty"` // the next input is 1 if the value is missing and 0 otherwise

	// Groups has a group for each code, that of all other texts and, if the feature may be missing, one more for a missing
	// value included. Groups are numbered from 0. Levels of few rows share one.
	Groups []int `json:"groups,omitempty"`
	OneHot bool  `json:"one_hot,omitempty"` // one input per group, 0 or 1, instead of one input with its number
	// Statistics has, code by code, the smoothed share of each of the Classes of the design among the rows with the code.
	Statistics []float64 `json:"statistics,omitempty"`

	groups int // number of groups; derived by Prepare
}

// Number is an input that is a number.
type Number struct {
	Part    Part    `json:"part,omitempty"`    // of a date; "" is the number itself
	Missing float64 `json:"missing,omitempty"` // the value of the input if the value of the feature is missing
}

// Prepare checks everything that the other methods rely on and derives what the JSON form omits. It must be called
// before them after a decode. s is the schema of the table.
func (d *Design) Prepare(s *dataset.Schema) error {
	if len(d.Columns) != len(s.Features) {
		return fmt.Errorf("%d columns of %d features", len(d.Columns), len(s.Features))
	}
	for _, k := range d.Classes {
		if k < 0 || k >= len(s.Classes) {
			return fmt.Errorf("class %d of %d", k, len(s.Classes))
		}
	}
	d.inputs, d.width = 0, s.Width()
	for i := range d.Columns {
		if err := d.Columns[i].prepare(s.Column(i), len(d.Classes)); err != nil {
			return fmt.Errorf("feature %s: %w", dataset.Shown(s.Features[i]), err)
		}
		d.inputs += d.Columns[i].inputs(len(d.Classes))
	}
	d.scratch = &sync.Pool{New: func() any {
		inputs := make([]float64, d.inputs)
		return &inputs
	}}
	return nil
}

func (c *Column) prepare(column dataset.Column, classes int) error {
	if text := column.Kind == dataset.Text; c.Text || text {
		if !text || !c.Text || c.Numbers != nil || c.Indicator || c.Groups != nil || c.OneHot || c.Statistics != nil {
			return fmt.Errorf("inputs of a text")
		}
		return nil
	}
	if column.Codes() == 0 {
		return c.prepareNumbers(column.Kind == dataset.Datetime)
	}
	codes := column.Codes()
	if column.Missing {
		codes++
	}
	if c.Numbers != nil || c.Indicator {
		return fmt.Errorf("numbers of a category")
	}
	if len(c.Groups) != codes {
		return fmt.Errorf("%d groups for %d codes", len(c.Groups), codes)
	}
	c.groups = 0
	for _, g := range c.Groups {
		if g < 0 || g >= codes {
			return fmt.Errorf("group %d of %d", g, codes)
		}
		c.groups = max(c.groups, g+1)
	}
	if n := len(c.Statistics); n != 0 && n != codes*classes {
		return fmt.Errorf("%d statistics for %d codes and %d classes", n, codes, classes)
	}
	for i, v := range c.Statistics {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("statistic %d is %v, want a share", i, v)
		}
	}
	return nil
}

func (c *Column) prepareNumbers(date bool) error {
	if c.Groups != nil || c.OneHot || c.Statistics != nil {
		return fmt.Errorf("groups of a number")
	}
	if len(c.Numbers) == 0 {
		return fmt.Errorf("no inputs")
	}
	for _, n := range c.Numbers {
		if !n.Part.valid() || n.Part != "" && !date {
			return fmt.Errorf("part %q", n.Part)
		}
		if !(math.Abs(n.Missing) <= math.MaxFloat64) {
			return fmt.Errorf("a missing value as %v", n.Missing)
		}
	}
	return nil
}

// inputs returns the number of inputs.
func (c *Column) inputs(classes int) int {
	n := len(c.Numbers)
	if c.Indicator {
		n++
	}
	switch {
	case c.Text:
		n += dataset.TextValues
	case c.OneHot:
		n += c.groups
	case c.Groups != nil:
		n++
	}
	if c.Statistics != nil {
		n += classes
	}
	return n
}

// code returns the index of a value of a category in Groups: a missing value has the last one, if the feature may be
// missing, and that of all other texts otherwise.
func (c *Column) code(v float64) int {
	last := len(c.Groups) - 1
	if v >= 0 && v < float64(last) {
		return int(v)
	}
	return last
}

// Inputs returns the number of inputs.
func (d *Design) Inputs() int { return d.inputs }

// Width returns the number of values in a row of the table.
func (d *Design) Width() int { return d.width }

// Scratch returns a slice with room for the inputs of a row, so that a prediction does not allocate. Release takes it
// back.
func (d *Design) Scratch() *[]float64 { return d.scratch.Get().(*[]float64) }

// Release takes back what Scratch returned.
func (d *Design) Release(inputs *[]float64) { d.scratch.Put(inputs) }

// Encode sets inputs to those of the row x.
func (d *Design) Encode(x, inputs []float64) {
	at, texts := 0, x[len(d.Columns):]
	for i := range d.Columns {
		c, v := &d.Columns[i], x[i]
		if c.Text {
			to := inputs[at : at+dataset.TextValues]
			copy(to, texts)
			if v != v {
				clear(to)
			}
			at, texts = at+len(to), texts[len(to):]
			continue
		}
		if c.Groups == nil {
			at += c.encodeNumber(v, inputs[at:])
			continue
		}
		code := c.code(v)
		if c.OneHot {
			clear(inputs[at : at+c.groups])
			inputs[at+c.Groups[code]] = 1
			at += c.groups
		} else {
			inputs[at] = float64(c.Groups[code])
			at++
		}
		if c.Statistics != nil {
			at += copy(inputs[at:], c.Statistics[code*len(d.Classes):(code+1)*len(d.Classes)])
		}
	}
}

// encodeNumber sets the first inputs to those of a number, and returns how many they are.
func (c *Column) encodeNumber(v float64, inputs []float64) int {
	missing := v != v
	var date civil
	if !missing && c.Numbers[0].Part != "" {
		date = civilOf(v)
	}
	for j, n := range c.Numbers {
		switch {
		case missing:
			inputs[j] = n.Missing
		case n.Part == "":
			inputs[j] = v
		default:
			inputs[j] = date.part(n.Part)
		}
	}
	if !c.Indicator {
		return len(c.Numbers)
	}
	inputs[len(c.Numbers)] = 0
	if missing {
		inputs[len(c.Numbers)] = 1
	}
	return len(c.Numbers) + 1
}
