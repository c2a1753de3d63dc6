// Package scores writes and reads the results of a batch as CSV, JSON Lines or Parquet. It knows nothing about models
// or where the bytes are stored.
//
// The columns have the same names in each format: the key columns of the input as text, "label", and one column per
// class, "p_" and the name of the class, for its probability.
package scores

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is a file format of rows.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"   // a JSON object per line
	Parquet Format = "parquet" // https://parquet.apache.org
)

// Formats lists the formats.
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

// MediaType returns the format's value of Content-Type.
func (f Format) MediaType() string {
	switch f {
	case JSONL:
		return "application/jsonl"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "text/csv; charset=utf-8"
}

// Extension returns the file name extension of the format, without the dot.
func (f Format) Extension() string { return string(f) }

// Names of the columns other than keys.
const (
	labelColumn       = "label"
	probabilityPrefix = "p_"
)

// Layout describes the columns and the format of results. With it, a reader can read the bytes.
type Layout struct {
	Format        Format   `json:"format"`
	Keys          []string `json:"keys,omitempty"`     // columns passed through from the input
	Classes       []string `json:"classes"`            // in the order of the probabilities
	Probabilities bool     `json:"probabilities"`      // false for labels only
	CSVSafe       bool     `json:"csv_safe,omitempty"` // keys and labels of CSV are guarded, see Guard
}

// Row is a row of results.
type Row struct {
	Keys          []string  // in the order of Layout.Keys
	Label         int       // index into Layout.Classes
	Probabilities []float64 // in the order of Layout.Classes, nil for labels only
}

// Columns returns the names of the columns in order.
func (l Layout) Columns() []string {
	columns := append(slices.Clone(l.Keys), labelColumn)
	if l.Probabilities {
		for _, class := range l.Classes {
			columns = append(columns, probabilityPrefix+class)
		}
	}
	return columns
}

// Check reports what is wrong with a layout. Two columns with one name are a mistake of the user, everything else is a
// mistake of the program.
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

// appendText appends a cell of text of a CSV.
func (l Layout) appendText(dst, cell []byte) []byte {
	if l.CSVSafe {
		return Guard(dst, cell)
	}
	return appendCSV(dst, cell)
}

// Header returns the line that names the columns of a CSV, or nil for another format. Parts of a result have no
// header, so the header and all parts in order make one file.
func (l Layout) Header() []byte {
	if l.Format != CSV {
		return nil
	}
	var line []byte
	for i, name := range l.Columns() {
		if i > 0 {
			line = append(line, ',')
		}
		line = l.appendText(line, []byte(name))
	}
	return append(line, '\n')
}
