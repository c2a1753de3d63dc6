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
	classes, classErr := s.labels.classes(s.layout.label, s.options.MinClassRows)
	summary := Summary{Header: s.layout.header}
	summary.Schema = Schema{Label: s.layout.label, MissingValues: s.missingValues()}
	var faults []RowError
	var extra []string
	kept := map[string]keptColumn{}
	for _, c := range s.columns {
		found := c.infer(s.known(c.name), s.rows)
		if found.out == CodeID && !s.options.LeaveOutIDs {
			summary.warn(Alert, CodeID, c.name, "has another value in every row, so it may be an identifier")
			found.out = ""
		}
		if found.out != "" && !slices.Contains(s.options.Features, c.name) {
			summary.warn(Alert, found.out, c.name, leftOutBecause(found.out))
			continue
		}
		if slices.Contains(s.layout.extra, c.name) {
			extra = append(extra, c.name)
		}
		if found.fault != nil {
			faults = append(faults, *found.fault)
			continue
		}
		found.Missing = found.Missing || s.options.AllowMissing
		kept[c.name] = keptColumn{found.Column, c.profile(found.Column)}
	}
	switch {
	case extra != nil && !s.options.AllowSchemaChange:
		return Summary{}, differs(nil, extra, s.layout.label, s.layout.line)
	case len(faults) == 1:
		return Summary{}, &faults[0]
	case faults != nil:
		return Summary{}, &ColumnsError{Columns: faults}
	case classErr != nil:
		return Summary{}, classErr
	case len(kept) == 0:
		return Summary{}, &RowError{Reason: "no column is left to learn from"}
	}
	order := s.layout.features
	if extra != nil {
		order = s.layout.order
	}
	for _, name := range order {
		if c, ok := kept[name]; ok {
			summary.Schema.Features = append(summary.Schema.Features, name)
			summary.Schema.Columns = append(summary.Schema.Columns, c.column)
			summary.Profile.Columns = append(summary.Profile.Columns, c.profile)
		}
	}
	if summary.Schema.Plain() {
		summary.Schema.Columns, summary.Schema.MissingValues = nil, nil
	}
	summary.Schema.Aliases = classes.aliases
	summary.Warnings = append(summary.Warnings, classes.warnings...)
	summary.Profile.Classes = classes.classes
	for _, c := range classes.classes {
		summary.Schema.Classes = append(summary.Schema.Classes, c.Class)
		summary.Profile.Rows += c.Rows
	}
	summary.Dropped = s.rows + s.labels.empty - summary.Profile.Rows
	return summary, nil
}

// keptColumn is a column that becomes a feature.
type keptColumn struct {
	column  Column
	profile ColumnProfile
}

func (s *Summary) warn(severity Severity, code, column, message string) {
	s.Warnings = append(s.Warnings, Warning{severity, code, column, message})
}

// leftOutBecause says why a column is left out.
func leftOutBecause(code string) string {
	switch code {
	case CodeEmpty:
		return "has no value, so it is left out"
	case CodeText:
		return fmt.Sprintf("is free text, with more than %d values and a new one in most rows, so it is left out", maxTexts)
	default:
		return "has another value in every row, so it is left out as an identifier"
	}
}
