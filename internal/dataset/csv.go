package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"

	"iris/internal/literal"
)

// Limits of one record of a CSV. Scan and package rows keep them.
const (
	MaxRecord  = 1 << 20 // bytes; quotes may stretch a record over many lines
	MaxColumns = 4096    // the class column included
)

// Reasons why a record is malformed. Every reader of a CSV gives the same.
const (
	OpenQuote  = "a quoted value does not end, or text follows its closing quote"
	StrayQuote = "a quote inside an unquoted value"
)

// LongRecord is the reason for a record of more than MaxRecord bytes.
var LongRecord = fmt.Sprintf("more than %d bytes in one row: is a quote left open?", MaxRecord)

// WrongLength is the reason for a record of found cells where the first record has want.
func WrongLength(want, found int) string {
	return fmt.Sprintf("want %d values, found %d", want, found)
}

// ByteOrderMark may begin a text, and MaxMarks times at most: a program that adds a mark to a file does not always look
// for one.
const (
	ByteOrderMark = "\ufeff"
	MaxMarks      = 2
)

// NewCSVReader returns a reader of the records in r. It skips byte order marks, reuses the memory of a record for the
// next one, and leaves it to the caller to compare the lengths of records.
func NewCSVReader(r *bufio.Reader) *csv.Reader {
	for range MaxMarks {
		if mark, _ := r.Peek(len(ByteOrderMark)); string(mark) == ByteOrderMark {
			_, _ = r.Discard(len(mark)) // cannot fail: the bytes are in the buffer
		}
	}
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	reader.FieldsPerRecord = -1
	return reader
}

// IsBlank reports whether a record is a line without more than blanks. Every reader of a CSV skips such lines.
func IsBlank(record []string) bool { return len(record) == 1 && literal.Trim(record[0]) == "" }

// QuoteReason returns the reason for an error of encoding/csv, which reports nothing but misplaced quotes.
func QuoteReason(err *csv.ParseError) string {
	if errors.Is(err.Err, csv.ErrQuote) {
		return OpenQuote
	}
	return StrayQuote
}

// Cell reads a feature from a cell of a CSV: a finite decimal number, with or without blanks around it. The reason
// says what is wrong with the cell and is "" for a good one. Cell allocates for a bad cell only.
func Cell(cell []byte) (value float64, reason string) {
	value, ok := ParseCell(cell)
	if !ok || !literal.IsFinite(value) {
		return 0, badCell(string(literal.Trim(cell)))
	}
	return value, ""
}

// ParseCell reads the number in a cell, with or without blanks around it. It returns 0 for -0, so that equal values
// are equal bytes everywhere. The value may be infinite.
func ParseCell[T string | []byte](cell T) (value float64, ok bool) {
	cell = literal.Trim(cell)
	value, end, ok := literal.ParseNumber(cell, literal.CSV)
	if !ok || end != len(cell) {
		return 0, false
	}
	if value == 0 {
		return 0, true
	}
	return value, true
}

func badCell(cell string) string {
	if cell == "" {
		return "empty cell, want a number"
	}
	return Shown(cell) + " is not a finite number"
}
