package frame

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/literal"
)

// CSV reads a table with a header row. Without Cells, a cell holds a number, true or false. Errors name line and
// column. The rest is as with Records. The comment of package dataset says how this CSV differs from that of a training
// or a batch.
func (d *Decoder) CSV(data []byte, row func(x []float64) error) (int, error) {
	if !utf8.Valid(data) {
		return 0, csvError(BadForm, 0, "", "not UTF-8")
	}
	for bytes.HasPrefix(data, byteOrderMark) {
		data = data[len(byteOrderMark):]
	}
	reader := dataset.NewCSVReader(bufio.NewReader(bytes.NewReader(data)))
	header, err := nextRecord(reader, data)
	switch {
	case errors.Is(err, io.EOF):
		return 0, csvError(BadForm, 0, "", "empty, want a header with the names of the columns")
	case err != nil:
		return 0, malformed(err)
	}
	names := slices.Clone(header)
	to, err := d.place(names, location{row: none, column: none}, true)
	if err != nil {
		return 0, err
	}
	x := d.row()
	for rows := 0; ; rows++ {
		record, err := nextRecord(reader, data)
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return rows, malformed(err)
		}
		if err := d.fields(reader, record, to, x); err != nil {
			return rows, err
		}
		if err := row(x); err != nil {
			return rows, err
		}
	}
}

var byteOrderMark = []byte("\ufeff")

// nextRecord returns the next record of data that is not a line of blanks. An empty cell in quotes is a row of a table
// with one column.
func nextRecord(reader *csv.Reader, data []byte) ([]string, error) {
	for {
		start := reader.InputOffset()
		record, err := reader.Read()
		if err != nil || !dataset.IsBlank(record) || bytes.IndexByte(data[start:reader.InputOffset()], '"') >= 0 {
			return record, err //nolint:wrapcheck // the callers describe it
		}
	}
}

// fields reads a record into x.
func (d *Decoder) fields(reader *csv.Reader, record []string, to []int, x []float64) error {
	fail := func(fault Fault, column, reason string) error {
		line, _ := reader.FieldPos(0)
		return csvError(fault, line, column, reason)
	}
	if len(record) > len(to) {
		return fail(BadForm, "", fmt.Sprintf("%s, want %d", count(len(record), "value"), len(to)))
	}
	for column, i := range to {
		if i == none {
			continue
		}
		if column >= len(record) {
			return fail(NoValue, d.features.Names[i], "missing")
		}
		if d.cells != nil {
			var buf [128]byte
			if reason := d.cells.Text(x, i, append(buf[:0], record[column]...)); reason != "" {
				fault := BadValue
				if isMissing(literal.Trim(record[column])) {
					fault = NoValue
				}
				return fail(fault, d.features.Names[i], reason)
			}
			continue
		}
		cell := literal.Trim(record[column])
		value, ok := dataset.ParseCell(cell)
		switch {
		case ok && !math.IsInf(value, 0):
		case ok, isMissing(cell):
			return fail(NoValue, d.features.Names[i], dataset.Shown(cell)+" is not finite")
		case isTruth(cell, "true"):
			value = 1
		case isTruth(cell, "false"):
			value = 0
		default:
			return fail(BadValue, d.features.Names[i], dataset.Shown(cell)+" is not a number")
		}
		x[i] = value
	}
	return nil
}

// isMissing reports whether a cell is one of pandas' words for a missing value, or names a number that is not finite.
func isMissing(cell string) bool {
	switch cell {
	case "", "NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "None":
		return true
	}
	return isNotFinite(cell)
}

// isTruth reports whether a cell is the word in a form that pandas accepts: lower case, upper case or capitalised.
func isTruth(cell, word string) bool {
	return cell == word || cell == strings.ToUpper(word) ||
		len(cell) == len(word) && cell[:1] == strings.ToUpper(word[:1]) && cell[1:] == word[1:]
}

// malformed is the error for text that is not a CSV.
func malformed(err error) error {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return csvError(BadForm, syntax.Line, "", dataset.QuoteReason(syntax))
	}
	return csvError(BadForm, 0, "", err.Error())
}

func csvError(fault Fault, line int, column, reason string) error {
	return &Error{Fault: fault, RowError: dataset.RowError{Line: line, Column: column, Reason: reason}}
}
