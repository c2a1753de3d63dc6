// Package scores is the format of the results of a batch: what a row of them consists of, and how it is written as CSV,
// JSON Lines or Parquet. The columns have the same names in each: the key columns of the input as text, "label", and
// "p_" and
// its name for the probability of every class. It knows neither models nor where the bytes lie.
package scores

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"   // a JSON object per line
	Parquet Format = "parquet" // https://parquet.apache.org
)

// Formats lists them.
func Formats() []Format { return []Format{CSV, JSONL, Parquet} }

// ParseFormat reads the name of a format, in upper or lower case. The empty name is CSV.
func ParseFormat(name string) (Format, error) {
	if name == "" {
		return CSV, nil
	}
	if f := Format(strings.ToLower(name)); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("%.40q is not a format: want csv, jsonl or parquet", name)
}

// MediaType is what Content-Type calls the format.
func (f Format) MediaType() string {
	switch f {
	case JSONL:
		return "application/jsonl"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "text/csv; charset=utf-8"
}

// Extension is what the names of files in the format end in, without the dot.
func (f Format) Extension() string { return string(f) }

// Names of the columns that are not keys.
const (
	labelColumn       = "label"
	probabilityPrefix = "p_"
)

// Layout says what the rows consist of and how they are written. It is all that a reader needs to know besides the
// bytes.
type Layout struct {
	Format        Format   `json:"format"`
	Keys          []string `json:"keys,omitempty"` // columns of the input, passed through
	Classes       []string `json:"classes"`        // in the order of the probabilities
	Probabilities bool     `json:"probabilities"`  // false: labels only
}

// Row is a row of results.
type Row struct {
	Keys          []string  // the text of Layout.Keys
	Label         int       // of Layout.Classes
	Probabilities []float64 // of Layout.Classes, nil when there are labels only
}

// Columns are the names of the columns, in their order.
func (l Layout) Columns() []string {
	columns := append(slices.Clone(l.Keys), labelColumn)
	if l.Probabilities {
		for _, class := range l.Classes {
			columns = append(columns, probabilityPrefix+class)
		}
	}
	return columns
}

// Check reports what is wrong with a layout. Two columns of one name are the user's mistake; the rest is ours.
func (l Layout) Check() error {
	if !slices.Contains(Formats(), l.Format) {
		return fmt.Errorf("%.40q is not a format of scores", string(l.Format))
	}
	if len(l.Classes) == 0 {
		return errors.New("there are no classes")
	}
	seen := make(map[string]bool)
	for _, name := range l.Columns() {
		switch {
		case name == "":
			return errors.New("a key column has no name")
		case seen[name]:
			return fmt.Errorf("two columns of the results are named %q", name)
		}
		seen[name] = true
	}
	return nil
}

// Header is the line that names the columns of a CSV. Parts have none, so that the header and all parts in their order
// are
// one file. The other formats have no header: it is nil.
func (l Layout) Header() []byte {
	if l.Format != CSV {
		return nil
	}
	var line []byte
	for i, name := range l.Columns() {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendCSV(line, []byte(name))
	}
	return append(line, '\n')
}
