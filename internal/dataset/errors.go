package dataset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrTooLarge is what Scan wraps for a file of more than ScanOptions.MaxBytes.
var ErrTooLarge = errors.New("the file is too large")

// RowError says what is wrong with data, and where. It is meant for the person who sent the data.
type RowError struct {
	Line    int    // CSV: the line as an editor counts, from 1; 0 for the whole file
	Column  string // CSV: the name of the column, "" if no single one is at fault
	Pointer string // JSON: an RFC 6901 pointer to the value, "" for the whole document
	Reason  string
}

// Error joins the place and the reason, as in `line 7, column "petal_width": "n/a" is not a finite number`.
func (e *RowError) Error() string {
	var place []string
	if e.Line > 0 {
		place = append(place, "line "+strconv.Itoa(e.Line))
	}
	if e.Column != "" {
		place = append(place, "column "+strconv.Quote(e.Column))
	}
	if e.Pointer != "" {
		place = append(place, e.Pointer)
	}
	if len(place) == 0 {
		return e.Reason
	}
	return strings.Join(place, ", ") + ": " + e.Reason
}

// ColumnsError says what is wrong with several columns of a CSV. It unwraps to the first.
type ColumnsError struct {
	Columns []RowError // at least one, in the order of the file
}

// Error joins the errors of at most ten columns.
func (e *ColumnsError) Error() string {
	const limit = 10
	var text strings.Builder
	fmt.Fprintf(&text, "%d columns cannot be read: ", len(e.Columns))
	for i := range e.Columns {
		if i == limit {
			fmt.Fprintf(&text, "; and %d more", len(e.Columns)-limit)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(e.Columns[i].Error())
	}
	return text.String()
}

// Unwrap returns the error of the first column.
func (e *ColumnsError) Unwrap() error { return &e.Columns[0] }

// PointerToken writes a name as one token of an RFC 6901 pointer, without the slash before it.
func PointerToken(name string) string { return pointerEscape.Replace(name) }

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// Shown quotes a value from the user for an error text, at most 40 bytes of it.
func Shown(value string) string {
	short := shorten(value)
	if len(short) == len(value) {
		return strconv.Quote(value)
	}
	return strconv.Quote(short) + "…"
}

// shorten returns the first 40 bytes of a value, less those of a character that is cut.
func shorten(value string) string {
	const limit = 40
	if len(value) <= limit {
		return value
	}
	end := limit
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}

// Listed quotes and joins values for an error text, at most ten of them.
func Listed(values []string) string {
	const limit = 10
	var text strings.Builder
	for i, value := range values {
		if i == limit {
			fmt.Fprintf(&text, " and %d more", len(values)-limit)
			break
		}
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(Shown(value))
	}
	return text.String()
}
