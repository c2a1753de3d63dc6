package activities

import (
	"slices"
	"strings"

	"iris/internal/dataset"
)

// Limits of Findings: they are part of a history.
const (
	maxWarnings = 20
	maxWarning  = 300 // bytes of a message, and of the name of a column
)

// Findings are what a pass over a dataset found, in words for its owner. Their size is bounded.
type Findings struct {
	LabelColumn string            `json:"label_column" doc:"The class column."`
	LabelReason string            `json:"label_reason" doc:"Why this column was taken."`
	Rows        int               `json:"rows" doc:"Rows that the dataset has for training and testing."`
	DroppedRows int               `json:"dropped_rows" doc:"Rows that were left out: without a class, or of a class with too few rows."`
	Warnings    []dataset.Warning `json:"warnings,omitempty" doc:"The first 20; the report of the dataset has all."`
	More        int               `json:"more_warnings,omitempty" doc:"Warnings beyond those."`
}

// NewFindings returns the findings of a pass.
func NewFindings(s dataset.Summary) *Findings {
	f := &Findings{
		LabelColumn: s.Schema.Label, LabelReason: shorten(s.LabelReason), Rows: s.Profile.Rows, DroppedRows: s.Dropped,
	}
	f.add(s.Warnings)
	return f
}

// With returns the findings with more warnings.
func (f Findings) With(more []dataset.Warning) *Findings {
	f.Warnings = slices.Clone(f.Warnings)
	f.add(more)
	return &f
}

func (f *Findings) add(warnings []dataset.Warning) {
	room := min(len(warnings), maxWarnings-len(f.Warnings))
	for _, w := range warnings[:room] {
		w.Message, w.Column = shorten(w.Message), shorten(w.Column)
		f.Warnings = append(f.Warnings, w)
	}
	f.More += len(warnings) - room
}

func shorten(text string) string {
	if len(text) <= maxWarning {
		return text
	}
	return strings.ToValidUTF8(text[:maxWarning], "") + "…"
}
