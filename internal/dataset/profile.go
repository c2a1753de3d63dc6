package dataset

import "iris/internal/tally"

// ColumnProfile describes the values of one feature. The numbers describe what the values are in a table; they are 0
// for a categorical feature, whose codes are not quantities.
type ColumnProfile struct {
	Name      string    `json:"name"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	Mean      float64   `json:"mean"`
	Std       float64   `json:"std"` // of the population: the sum of squares is divided by the number of values
	Histogram Histogram `json:"histogram"`

	Kind    Kind `json:"kind,omitempty"`    // "" means Numeric
	Missing int  `json:"missing,omitempty"` // rows without a value
	// Distinct is the number of different values, 0 if nobody counted them. It is an estimate if there are many.
	Distinct int          `json:"distinct,omitempty"`
	Top      []LevelCount `json:"top,omitempty"` // the most frequent values of a categorical feature, at most 10
}

// maxTop limits ColumnProfile.Top.
const maxTop = 10

// Histogram counts the values of a feature.
type Histogram = tally.Histogram

// MaxBins is the maximum number of bins of a histogram.
const MaxBins = tally.MaxBins

// LevelCount is the number of rows of a value.
type LevelCount struct {
	Level string `json:"level"`
	Rows  int    `json:"rows"`
}

// ClassCount is the number of rows of a class.
type ClassCount struct {
	Class string `json:"class"`
	Rows  int    `json:"rows"`
}

// Profile describes a dataset: its columns in feature order and its classes in class order.
type Profile struct {
	Rows    int             `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
	Classes []ClassCount    `json:"classes"`
}
