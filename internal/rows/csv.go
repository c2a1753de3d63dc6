package rows

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"iris/internal/dataset"
)

// csvReader reads the records of a CSV.
type csvReader struct {
	window
	splitter

	columns Columns
	at      []column
	line    int64 // of the record at the start of the window
	safe    int   // end of the last whole line in the window
}

// column is what a cell is for.
type column struct {
	feature int // -1: none
	key     int // -1: none
}

// NewCSV returns a reader of records, the first of which lies on a line.
func NewCSV(r io.Reader, c Columns, h Header, line int64) Reader {
	at := make([]column, h.Cells)
	for i := range at {
		at[i] = column{-1, -1}
	}
	for i, cell := range h.Features {
		at[cell].feature = i
	}
	for i, cell := range h.Keys {
		at[cell].key = i
	}
	return &csvReader{window: window{r: r}, columns: c, at: at, line: line}
}

// Read implements Reader.
func (r *csvReader) Read(b *Block) error {
	b.clear()
	r.text = r.text[:0]
	for !b.full() {
		x, keys := b.next()
		if n := r.plain(r.data[r.pos:max(r.pos, r.safe)], x, keys); n > 0 {
			r.pos += n
			r.line++
			b.keep()
			continue
		}
		more, err := r.one(b, x, keys)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// one reads a record the long way. more is false when the block has to be handed out first, since what is in it points
// into a window that has to move.
func (r *csvReader) one(b *Block, x []float64, keys [][]byte) (more bool, err error) {
	p := r.rest()
	if n := blank(p, r.eof); n > 0 {
		r.take(n)
		return true, nil
	}
	n, bad := 0, ""
	if len(p) > 0 {
		n, bad = r.split(p, r.eof)
	}
	switch {
	case n > maxRecord || n == 0 && len(p) >= maxRecord:
		if !b.empty() {
			return false, nil
		}
		b.bad(r.line, "", tooLong)
		_, lines, err := r.skip()
		r.line += lines
		r.moved()
		return true, err
	case bad != "":
		b.bad(r.line, "", bad)
	case n > 0:
		r.row(b, x, keys)
	case !b.empty():
		return false, nil
	case r.eof:
		return false, io.EOF
	default:
		err := r.fill()
		r.moved()
		return true, err
	}
	r.take(n)
	return true, nil
}

// moved finds the last whole line in a window that has moved.
func (r *csvReader) moved() { r.safe = r.pos + bytes.LastIndexByte(r.rest(), '\n') + 1 }

// take moves on.
func (r *csvReader) take(n int) {
	r.line += int64(bytes.Count(r.data[r.pos:r.pos+n], newline))
	r.pos += n
}

// row makes a row of the cells of a record, or a bad one.
func (r *csvReader) row(b *Block, x []float64, keys [][]byte) {
	if len(r.cells) != len(r.at) {
		b.bad(r.line, "", fmt.Sprintf("want %d values, found %d", len(r.at), len(r.cells)))
		return
	}
	for i, cell := range r.cells {
		if key := r.at[i].key; key >= 0 {
			keys[key] = cell
		}
		feature := r.at[i].feature
		if feature < 0 {
			continue
		}
		v, reason := dataset.Cell(cell)
		if reason != "" {
			b.bad(r.line, r.columns.Features[feature], reason)
			return
		}
		x[feature] = v
	}
	b.keep()
}

// plain reads a record without quotes and without anything wrong, which most are. It returns its length, 0 when the
// record has to be read the long way. p ends in the end of a line, so no cell is looked for behind it.
func (r *csvReader) plain(p []byte, x []float64, keys [][]byte) int {
	if len(p) == 0 {
		return 0
	}
	at, last := 0, len(r.at)-1
	for i, column := range r.at {
		start := at
		if column.feature >= 0 {
			v, n := decimal(p[at:])
			c := p[at+n]
			if n == 0 || c != ',' && c != '\n' && c != '\r' {
				end, ok := cellEnd(p, at)
				if !ok {
					return 0
				}
				cell := p[at:end]
				if i == last {
					cell = bytes.TrimSuffix(cell, carriageReturn)
				}
				var reason string
				if v, reason = dataset.Cell(cell); reason != "" {
					return 0
				}
				n = end - at
			}
			x[column.feature] = v
			at += n
		} else {
			end, ok := cellEnd(p, at)
			if !ok {
				return 0
			}
			at = end
		}
		if i == last && p[at] == '\r' {
			at++
		}
		if i < last && p[at] != ',' || i == last && p[at] != '\n' {
			return 0
		}
		if column.key >= 0 {
			keys[column.key] = p[start:at]
			if i == last {
				keys[column.key] = bytes.TrimSuffix(keys[column.key], carriageReturn)
			}
		}
		at++
	}
	if at > maxRecord {
		return 0
	}
	return at
}

var carriageReturn = []byte{'\r'}

// cellEnd is where the cell at a place of p ends. It is not plain when it has a quote.
func cellEnd(p []byte, at int) (end int, ok bool) {
	for ; ; at++ {
		switch p[at] {
		case ',', '\n':
			return at, true
		case '"':
			return at, false
		}
	}
}

// powersOfTen are those a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal reads a number of a sign, digits and a point at the start of p, in which a byte follows that is none of them.
// Mantissa and power of ten being exact, so is the quotient (Clinger 1990). n is 0 for all other numbers.
func decimal(p []byte) (v float64, n int) {
	i := 0
	if p[0] == '-' {
		i = 1
	}
	first := i
	mantissa := uint64(0)
	c := p[i] - '0'
	for ; c <= 9; c = p[i] - '0' {
		mantissa = mantissa*10 + uint64(c)
		i++
	}
	digits, exponent := i-first, 0
	if p[i] == '.' {
		i++
		point := i
		for c = p[i] - '0'; c <= 9; c = p[i] - '0' {
			mantissa = mantissa*10 + uint64(c)
			i++
		}
		exponent = i - point
		digits += exponent
	}
	const mostDigits, mostMantissa = 19, 1 << 53 // 19 digits do not overflow
	if digits == 0 || digits > mostDigits || mantissa > mostMantissa {
		return 0, 0
	}
	v = float64(mantissa) / powersOfTen[exponent]
	if first == 1 && mantissa != 0 {
		v = -v
	}
	return v, i
}

// ParseHeader finds the columns in the first record of a CSV, which begins on a line. It must name every one of them
// once; others are skipped.
func ParseHeader(cells [][]byte, line int64, c Columns) (Header, error) {
	names := make([]string, len(cells))
	for i, cell := range cells {
		names[i] = strings.Trim(string(cell), " \t")
	}
	if len(names) > maxColumns {
		return Header{}, &dataset.RowError{Line: int(line), Reason: fmt.Sprintf("more than %d columns", maxColumns)}
	}
	find := func(wanted []string) ([]int, error) {
		at := make([]int, len(wanted))
		for i, name := range wanted {
			at[i] = slices.Index(names, name)
			reason := ""
			switch {
			case at[i] < 0:
				reason = "is missing"
			case slices.Contains(names[at[i]+1:], name):
				reason = "is there twice"
			default:
				continue
			}
			return nil, &dataset.RowError{Line: int(line), Column: name, Reason: reason}
		}
		return at, nil
	}
	h := Header{Cells: len(names)}
	var err error
	if h.Features, err = find(c.Features); err != nil {
		return Header{}, err
	}
	h.Keys, err = find(c.Keys)
	return h, err
}
