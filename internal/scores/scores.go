// Package scores is the format of what a batch prediction leaves behind: which columns a line of scores has and how they
// are written. It knows neither models nor where the scores lie.
package scores

import (
	"fmt"
	"strings"
)

// Format is how scores are written.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// Formats lists the formats.
func Formats() []Format { return []Format{CSV, JSONL, Parquet} }

// ParseFormat reads the name of a format; "" is CSV.
func ParseFormat(name string) (Format, error) {
	switch f := Format(strings.ToLower(name)); f {
	case "":
		return CSV, nil
	case CSV, JSONL, Parquet:
		return f, nil
	}
	return "", fmt.Errorf("%.40q is not a format: want csv, jsonl or parquet", name)
}

// Extension is what keys of the format end in, without the dot.
func (f Format) Extension() string { return string(f) }

// MediaType is the Content-Type of the format.
func (f Format) MediaType() string {
	switch f {
	case JSONL:
		return "application/jsonl"
	case Parquet:
		return "application/vnd.apache.parquet"
	default:
		return "text/csv"
	}
}

// Layout says which columns a row of scores has: the key columns, the label, then a probability per class.
type Layout struct {
	Format        Format   `json:"format"`
	Keys          []string `json:"keys,omitempty"` // columns passed through from the input, in front of the label
	Classes       []string `json:"classes"`        // in the order of the probabilities
	Probabilities bool     `json:"probabilities"`  // false: labels only
}
