package frame

import (
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
)

// CSV reads a table with a header row. A cell holds what parseCell takes, or true
// or false; empty lines are skipped. Errors name line and column. The rest is as
// with Records.
func (d *Decoder) CSV(data []byte, row func(x []float64) error) (int, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return 0, csvError(BadForm, 0, "", "not UTF-8")
	}
	reader := csv.NewReader(bytes.NewReader(data))
	reader.ReuseRecord = true
	reader.FieldsPerRecord = -1 // said in words of ours
	header, err := reader.Read()
	switch {
	case errors.Is(err, io.EOF):
		return 0, csvError(BadForm, 0, "", "empty, want a header with the names of the columns")
	case err != nil:
		return 0, badCSV(err)
	}
	names := slices.Clone(header)
	to, err := d.place(names, location{row: none, column: none}, true)
	if err != nil {
		return 0, err
	}
	x := make([]float64, len(d.features))
	for rows := 0; ; rows++ {
		record, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return rows, badCSV(err)
		}
		if err := d.cells(reader, record, to, x); err != nil {
			return rows, err
		}
		if err := row(x); err != nil {
			return rows, err
		}
	}
}

// cells reads a record into x.
func (d *Decoder) cells(reader *csv.Reader, record []string, to []int, x []float64) error {
	line := func() int {
		line, _ := reader.FieldPos(0)
		return line
	}
	if len(record) > len(to) {
		return csvError(BadForm, line(), "", fmt.Sprintf("%s, want %d", count(len(record), "value"), len(to)))
	}
	for column, i := range to {
		if i == none {
			continue
		}
		if column >= len(record) {
			return csvError(NoValue, line(), d.features[i], "missing")
		}
		cell := strings.Trim(record[column], " \t")
		value, ok := dataset.ParseCell(cell)
		switch {
		case ok && !math.IsInf(value, 0):
		case ok, isNoValue(cell):
			return csvError(NoValue, line(), d.features[i], dataset.Shown(cell)+" is not finite")
		case isTruth(cell, "true"):
			value = 1
		case isTruth(cell, "false"):
			value = 0
		default:
			return csvError(BadValue, line(), d.features[i], dataset.Shown(cell)+" is not a number")
		}
		x[i] = value
	}
	return nil
}

// isNoValue reports whether a cell says that there is no value, as pandas writes
// and reads it, or names one that is not finite.
func isNoValue(cell string) bool {
	switch cell {
	case "", "NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "None":
		return true
	}
	return isNotFinite(cell)
}

// isTruth reports whether a cell is the word as pandas takes it: in lower case,
// in upper case or capitalised.
func isTruth(cell, word string) bool {
	return cell == word || cell == strings.ToUpper(word) ||
		len(cell) == len(word) && cell[:1] == strings.ToUpper(word[:1]) && cell[1:] == word[1:]
}

// badCSV is the error of a file that is not a CSV.
func badCSV(err error) error {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return csvError(BadForm, syntax.Line, "", syntax.Err.Error())
	}
	return csvError(BadForm, 0, "", err.Error())
}

func csvError(fault Fault, line int, column, reason string) error {
	return &Error{Fault: fault, RowError: dataset.RowError{Line: line, Column: column, Reason: reason}}
}
