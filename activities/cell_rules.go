package activities

import (
	"maps"

	"iris/internal/dataset"
)

// The values of CellRules.Text.
const (
	TextIgnore = "ignore" // columns of free text are left out
	TextHash   = "hash"   // their words become numbers; see dataset.Text
)

// CellRules say what the cells of a dataset mean. The zero value infers everything.
type CellRules struct {
	// Columns gives the kind of columns by their name: one of dataset.Kinds, or dataset.Ignore.
	Columns map[string]string `json:"columns,omitempty"`
	// MissingValues are the texts that mean that a value is missing, instead of dataset.DefaultMissing. If the list is
	// empty and not nil, only an empty cell means it.
	MissingValues []string `json:"missing_values,omitzero"`
	AllowMissing  bool     `json:"allow_missing,omitempty"`  // any feature may be missing at a prediction
	MinClassRows  *int     `json:"min_class_rows,omitempty"` // rows of rarer classes are left out; default 2
	Text          string   `json:"text,omitempty"`           // TextIgnore, which is also "", or TextHash
}

// Options returns the options of dataset.Scan for r.
func (r CellRules) Options() dataset.ScanOptions {
	o := dataset.ScanOptions{
		Columns: r.Columns, MissingValues: r.MissingValues, AllowMissing: r.AllowMissing,
		HashText: r.Text == TextHash,
	}
	if r.MinClassRows != nil {
		o.MinClassRows = *r.MinClassRows
	}
	return o
}

// over returns r with the kinds of more columns, unless r has them.
func (r CellRules) over(columns map[string]string) CellRules {
	if len(columns) == 0 {
		return r
	}
	all := maps.Clone(columns)
	maps.Copy(all, r.Columns)
	r.Columns = all
	return r
}
