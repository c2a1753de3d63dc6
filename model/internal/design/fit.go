package design

import (
	"cmp"
	"context"
	"math"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// Encoding is how a learner sees the features of a mixed table.
type Encoding int

// The encodings.
const (
	// AsNumbers is for learners of sums and distances: a category becomes an input per level, and a missing number the
	// median, with one more input that tells.
	AsNumbers Encoding = iota
	// AsSplits is for trees: a category stays one input of codes, and a missing number goes to either end of the others.
	AsSplits
	// AsLikelihoods is for naive Bayes: a category stays one input of codes, whatever their number.
	AsLikelihoods
)

// Limits of the groups of a categorical feature.
const (
	maxSplitGroups  = tree.MaxCodes // of a feature that trees split, that of other texts and that of missing ones included
	maxOneHotLevels = 50            // with an input of their own
	rareRows        = 10            // a level of fewer rows has no input of its own, and
	rareShare       = 50            // in a table of few rows one of fewer than this part of them
)

// rowsPerCheck is the number of rows between two checks of the context.
const rowsPerCheck = 1024

// designer fits a Design.
type designer struct {
	table    *dataset.Table
	encoding Encoding
	classes  []int // see Design.Classes
	prior    []float64
	values   []float64 // scratch: the present values of a feature
}

// Fit fits a Design to t, and returns it with the table that the learner sees. There, the statistics of a row are
// those of other rows only. If ctx ends, it returns the error of ctx.
func Fit(ctx context.Context, t *dataset.Table, e Encoding, seed uint64) (*Design, *dataset.Table, error) {
	f := &designer{table: t, encoding: e, classes: describedClasses(t)}
	f.prior = f.shares()
	columns := make([]Column, len(t.Schema.Features))
	for i := range columns {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		switch column := t.Schema.Column(i); {
		case column.Kind == dataset.Text:
			columns[i].Text = true
		case column.Codes() > 0:
			columns[i] = f.category(i, column)
		default:
			columns[i] = f.number(i, column)
		}
	}
	classes := f.classes
	if !slices.ContainsFunc(columns, func(c Column) bool { return c.Statistics != nil }) {
		classes = nil
	}
	d := &Design{Columns: columns, Classes: classes}
	if err := d.Prepare(&t.Schema); err != nil {
		return nil, nil, err
	}
	inputs, err := f.inputs(ctx, d, seed)
	return d, inputs, err
}

// inputs returns the table of the inputs of d.
func (f *designer) inputs(ctx context.Context, d *Design, seed uint64) (*dataset.Table, error) {
	out := &dataset.Table{
		Schema: dataset.Schema{
			Features: make([]string, d.inputs), Label: f.table.Schema.Label,
			Classes: f.table.Schema.Classes, Aliases: f.table.Schema.Aliases,
		},
		X:     make([]float64, f.table.Rows()*d.inputs),
		Y:     f.table.Y,
		Codes: d.codes(),
	}
	at := 0
	for i, name := range f.table.Schema.Features { // the inputs of a feature share its name
		for range d.Columns[i].inputs(len(d.Classes)) {
			out.Schema.Features[at] = name
			at++
		}
	}
	for r := range f.table.Rows() {
		if r%rowsPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.Encode(f.table.Row(r), out.Row(r))
	}
	at = 0
	for i := range d.Columns {
		c := &d.Columns[i]
		at += c.inputs(len(d.Classes))
		if c.Statistics != nil {
			f.outOfFold(c, i, seed, out.X[at-len(d.Classes):], d.inputs)
		}
	}
	return out, nil
}

// codes returns the codes of the inputs, as in dataset.Table.
func (d *Design) codes() []int {
	codes := make([]int, 0, d.inputs)
	for i := range d.Columns {
		c := &d.Columns[i]
		first, last := len(codes), len(codes)+c.inputs(len(d.Classes))
		codes = append(codes, make([]int, last-first)...)
		switch {
		case c.OneHot:
			for j := range c.groups {
				codes[first+j] = 2
			}
		case c.Groups != nil:
			codes[first] = c.groups
		case c.Indicator:
			codes[last-1] = 2
		}
	}
	return codes
}

// number returns the inputs of a number, a truth value or a date.
func (f *designer) number(i int, column dataset.Column) Column {
	width := f.table.Schema.Width()
	f.values = f.values[:0]
	hours := false
	for r := range f.table.Rows() {
		if v := f.table.X[r*width+i]; v == v {
			f.values = append(f.values, v)
			hours = hours || v != math.Floor(v)
		}
	}
	missing := len(f.values) < f.table.Rows()
	var parts []Part
	if column.Kind == dataset.Datetime {
		parts = dateParts(hours)
	}
	var c Column
	for _, part := range parts {
		c.Numbers = append(c.Numbers, Number{Part: part})
	}
	c.Numbers = append(c.Numbers, Number{})
	if !column.Missing {
		return c
	}
	if f.encoding != AsSplits || !missing || len(f.values) == 0 {
		middle := median(f.values)
		date := civilOf(middle)
		for j, n := range c.Numbers {
			c.Numbers[j].Missing = middle
			if n.Part != "" {
				c.Numbers[j].Missing = date.part(n.Part)
			}
		}
		c.Indicator = missing && f.encoding != AsSplits
		return c
	}
	low, high := slices.Min(f.values), slices.Max(f.values)
	step := max(1, high-low, math.Abs(low), math.Abs(high)) // also apart from numbers of the greatest size
	for j, n := range c.Numbers {
		c.Numbers[j].Missing = low - step
		if n.Part != "" {
			c.Numbers[j].Missing = -1 // below every other value
		}
		if n.Part == partYear {
			c.Numbers[j].Missing = civilOf(low).year - 1
		}
	}
	c.Numbers = append(c.Numbers, Number{Missing: high + step})
	return c
}

// median returns the middle of values, the lower one of two, or 0 if there are none. It sorts them.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// category returns the inputs of a categorical feature.
func (f *designer) category(i int, column dataset.Column) Column {
	other := len(column.Levels)
	codes := column.Codes()
	if column.Missing {
		codes++
	}
	c := Column{Groups: make([]int, codes)}
	rows := make([]int, codes)
	width := f.table.Schema.Width()
	for r := range f.table.Rows() {
		rows[c.code(f.table.X[r*width+i])]++
	}
	weight := func(code int) int {
		if code > other && f.encoding == AsSplits {
			return len(f.table.Y) // a missing value never shares a group, so that a split can single it out
		}
		return rows[code]
	}
	order := make([]int, 0, codes) // codes with a group of their own, if their number allows
	for code, n := range rows {
		if code != other && n > 0 {
			order = append(order, code)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weight(b), weight(a)) })
	limit := len(order)
	switch f.encoding {
	case AsSplits:
		limit = min(limit, maxSplitGroups-1)
	case AsNumbers:
		least := min(rareRows, max(2, f.table.Rows()/rareShare))
		limit = slices.IndexFunc(order, func(code int) bool { return rows[code] < least })
		if limit < 0 {
			limit = len(order)
		}
		limit = min(limit, maxOneHotLevels)
		c.OneHot = true
	}
	for code := range c.Groups {
		c.Groups[code] = limit // the group of other texts and of rare levels
	}
	for group, code := range order[:limit] {
		c.Groups[code] = group
	}
	if many := len(order) > maxOneHotLevels; f.encoding == AsNumbers && many ||
		f.encoding == AsSplits && len(order) > limit {
		counts := f.count(&c, i, nil)
		for code := range codes {
			c.Statistics = counts.append(c.Statistics, code, f.prior)
		}
	}
	return c
}
