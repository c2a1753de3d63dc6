package dataset

// Severity says how much a warning matters.
type Severity string

// The severities.
const (
	Info  Severity = "info"    // good to know
	Alert Severity = "warning" // probably costs quality, or is a mistake in the data
)

// Warning is something about a dataset that its owner should know.
type Warning struct {
	Severity Severity `json:"severity" enum:"info,warning"`
	Code     string   `json:"code"`
	Column   string   `json:"column,omitempty"` // "" for the whole dataset
	Message  string   `json:"message"`
}

// The codes of warnings.
const (
	CodeEmpty        = "empty"         // a column without any value, left out
	CodeIndex        = "index"         // a column of row numbers without a name, left out
	CodeID           = "id"            // another value in every row
	CodeText         = "text"          // free text, left out
	CodeConstant     = "constant"      // one value only
	CodeInfinite     = "infinite"      // infinite numbers count as missing
	CodeAmbiguous    = "ambiguous"     // dates whose order of day and month is not clear
	CodeMergedLabels = "merged_labels" // several spellings of one class
	CodeNoClass      = "no_class"      // rows without a class, dropped
	CodeRareClass    = "rare_class"    // a class with too few rows, dropped
	CodeLabel        = "label"         // the class column was chosen
	CodeImbalance    = "imbalance"     // a class with few rows
	CodeDisguised    = "disguised"     // a number that may stand for a missing value
	CodeDuplicates   = "duplicates"    // equal rows
	CodeConflicts    = "conflicts"     // rows that are equal but for the class
	CodeLeak         = "leak"          // a column that tells the class
	CodeShift        = "shift"         // another distribution among the held-out rows
)
