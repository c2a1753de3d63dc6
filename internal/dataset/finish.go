package dataset

import (
	"fmt"
	"slices"
)

// finish decides what can be decided only at the end of the file, and sums up.
func (s *scan) finish() (Summary, error) {
	if s.layout == nil {
		return Summary{}, &RowError{Reason: "the file is empty"}
	}
	if s.rows == 0 && s.labels.empty == 0 {
		return Summary{}, &RowError{Reason: "no rows after the header"}
	}
	chosen, err := s.chooseLabel()
	if err != nil {
		return Summary{}, err
	}
	f := finishing{scan: s, kept: map[string]keptColumn{}}
	f.Header, f.LabelReason = s.layout.header, chosen.reason
	f.Schema = Schema{Label: chosen.name, MissingValues: s.missingValues()}
	f.sayLabel(chosen)
	if s.layout.index {
		f.warn(Info, CodeIndex, "", "the first column has no name and is left out: it looks like the row numbers that "+
			"pandas writes unless index=False is set")
	}
	columns := s.columns
	order := s.layout.order
	if chosen.last != nil {
		columns, order = append(slices.Clone(columns), chosen.last), append(slices.Clone(order), chosen.last.name)
	}
	for _, c := range columns {
		if c.name != chosen.name {
			f.column(c)
		}
	}
	f.keepIDs()
	classes, classErr := chosen.labels.classes(chosen.name, s.options.MinClassRows)
	switch {
	case f.extra != nil && !s.options.AllowSchemaChange:
		return Summary{}, differs(nil, f.extra, chosen.name, s.layout.line)
	case len(f.faults) == 1:
		return Summary{}, &f.faults[0]
	case f.faults != nil:
		return Summary{}, &ColumnsError{Columns: f.faults}
	case classErr != nil:
		return Summary{}, classErr
	case len(f.kept) == 0:
		return Summary{}, &RowError{Reason: "no column is left to learn from"}
	}
	if f.extra == nil && s.options.Known != nil {
		order = s.layout.features
	}
	f.keep(order)
	if err := f.Schema.checkWidth(); err != nil {
		return Summary{}, &RowError{Reason: err.Error()}
	}
	f.Schema.Aliases = classes.aliases
	f.Warnings = append(f.Warnings, classes.warnings...)
	f.Profile.Classes = classes.classes
	for _, c := range classes.classes {
		f.Schema.Classes = append(f.Schema.Classes, c.Class)
		f.Profile.Rows += c.Rows
	}
	f.Dropped = s.rows - f.Profile.Rows
	if s.last == nil {
		f.Dropped += s.labels.empty
	}
	f.sayRows(chosen.last == nil)
	return f.Summary, nil
}

// finishing is a Summary in the making.
type finishing struct {
	Summary
	scan   *scan
	kept   map[string]keptColumn
	faults []RowError // of columns that cannot be read
	extra  []string   // features that the model does not have
	ids    []leftOutID
	tells  bool // a kept column has more than one value
}

// leftOutID is a column that is left out as an identifier, and the place of its warning.
type leftOutID struct {
	column  *observed
	found   inferred
	warning int
}

const maybeID = "has another value in every row, so it may be an identifier"

// keptColumn is a column that becomes a feature.
type keptColumn struct {
	column  Column
	profile ColumnProfile
}

// column decides what a column is, and whether it becomes a feature.
func (f *finishing) column(c *observed) {
	o := f.scan.options
	known := f.scan.known(c.name)
	found := c.infer(known, f.scan.rows)
	switch {
	case found.out == CodeText && o.HashText:
		column, fault := c.as(Text, known, f.scan.rows)
		found = inferred{Column: column, fault: fault}
		f.warn(Info, CodeText, c.name, fmt.Sprintf(
			"is free text: its words and parts of them become %d numbers", TextValues))
	case known == nil && c.want == "" && c.name == "Unnamed: 0" && c.isSequence(1):
		found.out = CodeIndex
	case found.out == CodeID && !o.LeaveOutIDs:
		f.warn(Alert, CodeID, c.name, maybeID)
		found.out = ""
	}
	if found.out != "" && !slices.Contains(o.Features, c.name) {
		if found.out == CodeID {
			f.ids = append(f.ids, leftOutID{c, found, len(f.Warnings)})
		}
		f.warn(Alert, found.out, c.name, leftOutBecause(found.out))
		return
	}
	f.add(c, found)
}

// keepIDs keeps the columns that look like identifiers after all if no other column tells anything.
func (f *finishing) keepIDs() {
	if f.tells {
		return
	}
	for _, id := range f.ids {
		f.Warnings[id.warning].Message = maybeID
		f.add(id.column, id.found)
	}
}

// add makes a column a feature.
func (f *finishing) add(c *observed, found inferred) {
	if slices.Contains(f.scan.layout.extra, c.name) {
		f.extra = append(f.extra, c.name)
	}
	if found.fault != nil {
		f.faults = append(f.faults, *found.fault)
		return
	}
	f.sayColumn(c, found)
	distinct, _ := c.distinct()
	f.tells = f.tells || distinct > 1 || c.missing > 0
	found.Missing = found.Missing || f.scan.options.AllowMissing
	f.kept[c.name] = keptColumn{found.Column, c.profile(found.Column)}
}

// keep adds the kept columns to the schema, in an order.
func (f *finishing) keep(order []string) {
	for _, name := range order {
		c, ok := f.kept[name]
		if !ok {
			continue
		}
		f.Schema.Features = append(f.Schema.Features, name)
		f.Schema.Columns = append(f.Schema.Columns, c.column)
		f.Profile.Columns = append(f.Profile.Columns, c.profile)
	}
	if f.Schema.Plain() {
		f.Schema.Columns, f.Schema.MissingValues = nil, nil
	}
}

// leftOutBecause says why a column is left out.
func leftOutBecause(code string) string {
	switch code {
	case CodeEmpty:
		return "has no value, so it is left out"
	case CodeIndex:
		return "holds the row numbers that pandas writes unless index=False is set, so it is left out"
	case CodeText:
		return fmt.Sprintf("is free text, with more than %d values and a new one in most rows, so it is left out; "+
			"text=hash makes numbers of its words", maxTexts)
	default:
		return "has another value in every row, so it is left out as an identifier"
	}
}
