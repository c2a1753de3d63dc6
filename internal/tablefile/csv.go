package tablefile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"iris/internal/dataset"
	"iris/internal/literal"
)

// openCSV finds how cells are separated and written, and converts what is not a plain CSV.
func (t *Reader) openCSV(text *bufio.Reader, o Options) error {
	begin, err := text.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && len(begin) == 0 {
		return err //nolint:wrapcheck // the errors of readers are passed on
	}
	s := newSample(begin, err != nil)
	delimiter := s.delimiter()
	if o.Delimiter != "" {
		delimiter = delimiterNames[o.Delimiter]
	}
	comma := o.Decimal == "," || o.Decimal == "comma"
	if o.Decimal == "" {
		var warning string
		if comma, warning = s.decimalComma(delimiter, o.Header == HeaderFalse); warning != "" {
			t.warnings = append(t.warnings, warning)
		}
	}
	t.found.Format, t.found.Delimiter, t.found.Decimal = CSV, string(rune(delimiter)), "."
	if comma {
		t.found.Decimal = ","
	}
	t.header = o.Header == HeaderTrue || o.Header == HeaderFalse
	if delimiter == ',' && !comma && !s.returns && o.Header != HeaderFalse && t.found.Encoding == "utf-8" {
		t.r = text
		return nil
	}
	t.found.Converted = true
	c := &cells{
		in: text, delimiter: delimiter, comma: comma, header: o.Header, encoding: t.found.Encoding,
		line: 1, csvLine: 1, lines: &t.lines,
	}
	t.r = &rowReader{next: c.next}
	return nil
}

// cells converts the records of a CSV of any dialect.
type cells struct {
	in        *bufio.Reader
	delimiter byte
	comma     bool // numbers have a decimal comma
	header    Header
	encoding  string // of the file
	begun     bool   // the first record has been read

	line    int // of the next byte in the file
	csvLine int // of the next record in the CSV
	lines   *lineMap

	text   []byte   // of the record's cells, without quotes
	ends   []int    // of the cells in text
	cells  [][]byte // of the record, once it is complete
	quoted bool     // a cell of the record has quotes
	number []byte   // for conversions
}

// next appends the next record. It skips lines without more than blanks.
func (c *cells) next(to []byte) ([]byte, error) {
	start := c.line
	if err := c.record(); err != nil {
		return to, err
	}
	if len(c.cells) == 1 && !c.quoted && len(literal.Trim(c.cells[0])) == 0 {
		return to, nil
	}
	if c.encoding != "utf-8" && bytes.Contains(c.text, []byte("\ufffd")) {
		return to, &dataset.RowError{Line: start, Reason: badText(c.encoding)}
	}
	if !c.begun && c.header == HeaderFalse {
		to = appendRow(to, numbered(len(c.cells)))
		c.csvLine++
	}
	c.lines.add(c.csvLine, start)
	if c.comma && (c.begun || c.header != HeaderTrue) {
		c.convertNumbers()
	}
	c.begun = true
	from := len(to)
	to = appendRow(to, c.cells)
	c.csvLine += bytes.Count(to[from:], []byte{'\n'})
	return to, nil
}

// numbered returns the header of a file without one.
func numbered(columns int) []string {
	names := make([]string, columns)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

// convertNumbers gives the numbers of the record a decimal point.
func (c *cells) convertNumbers() {
	c.number = c.number[:0]
	for i, cell := range c.cells {
		from := len(c.number)
		var kind numeral
		if c.number, kind = appendPoint(c.number, cell); kind != noNumeral {
			c.cells[i] = c.number[from:len(c.number):len(c.number)]
		}
	}
}

// record reads the next record. The end of the file is io.EOF.
func (c *cells) record() error {
	c.text, c.ends, c.quoted = c.text[:0], c.ends[:0], false
	start, size := c.line, 0
	fail := func(reason string) error { return &dataset.RowError{Line: start, Reason: reason} }
	state := cellStart
	for {
		b, err := c.in.ReadByte()
		switch {
		case err == io.EOF && size == 0: //nolint:errorlint // not the end of a lost connection
			return io.EOF
		case err == io.EOF && state == inQuotes: //nolint:errorlint // as above
			return fail(dataset.OpenQuote)
		case err == io.EOF: //nolint:errorlint // as above
			c.complete()
			return nil
		case err != nil:
			return err //nolint:wrapcheck // the errors of readers are passed on
		}
		if size++; size > dataset.MaxRecord {
			return fail(dataset.LongRecord)
		}
		if b == '\r' {
			if next, _ := c.in.Peek(1); len(next) == 1 && next[0] == '\n' {
				_, _ = c.in.Discard(1) // cannot fail: the byte is in the buffer
			}
			b = '\n'
		}
		if b == '\n' {
			c.line++
		}
		switch {
		case state == inQuotes && b == '"':
			state = afterQuote
		case state == inQuotes:
			c.text = append(c.text, b)
		case state == afterQuote && b == '"':
			c.text, state = append(c.text, b), inQuotes
		case b == '\n':
			c.complete()
			return nil
		case b == c.delimiter:
			if c.ends = append(c.ends, len(c.text)); len(c.ends) >= dataset.MaxColumns {
				return fail(fmt.Sprintf("more than %d columns", dataset.MaxColumns))
			}
			state = cellStart
		case state == afterQuote:
			return fail(dataset.OpenQuote)
		case b == '"' && state == cellStart:
			state, c.quoted = inQuotes, true
		case b == '"':
			return fail(dataset.StrayQuote)
		default:
			c.text, state = append(c.text, b), inCell
		}
	}
}

// States of reading a record.
const (
	cellStart = iota
	inCell
	inQuotes
	afterQuote
)

// complete cuts the text of a record into its cells.
func (c *cells) complete() {
	c.ends = append(c.ends, len(c.text))
	c.cells = c.cells[:0]
	from := 0
	for _, end := range c.ends {
		c.cells = append(c.cells, c.text[from:end:end])
		from = end
	}
}
