package rows

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/literal"
)

// csvReader reads the records of a CSV.
type csvReader struct {
	window
	splitter

	columns Columns
	at      []column
	line    int64 // of the record at the start of the window
	safe    int   // end of the last complete line in the window
}

// column says what a cell is used for.
type column struct {
	feature int  // index, or -1
	number  bool // the feature is a number
	key     int  // index, or -1
}

// NewCSV returns a reader of the records of a shard whose first record is on the given line.
func NewCSV(r io.Reader, c Columns, h Header, line int64) Reader {
	at := make([]column, h.Cells)
	for i := range at {
		at[i] = column{feature: -1, key: -1}
	}
	for i, cell := range h.Features {
		at[cell].feature, at[cell].number = i, c.numeric(i)
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

// one reads a record of any form. more is false if the caller must return the block first, because its keys point into
// a window that has to move.
func (r *csvReader) one(b *Block, x []float64, keys [][]byte) (more bool, err error) {
	p := r.rest()
	if n := emptyLine(p, r.eof); n > 0 {
		r.take(n)
		return true, nil
	}
	n, bad := 0, ""
	if len(p) > 0 {
		n, bad = r.split(p, r.eof)
	}
	switch {
	case n > dataset.MaxRecord || n == 0 && len(p) >= dataset.MaxRecord:
		if !b.empty() {
			return false, nil
		}
		b.bad(r.line, "", dataset.LongRecord)
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

// moved finds the last complete line after the window has moved.
func (r *csvReader) moved() { r.safe = r.pos + bytes.LastIndexByte(r.rest(), '\n') + 1 }

// take consumes n bytes.
func (r *csvReader) take(n int) {
	r.line += int64(bytes.Count(r.data[r.pos:r.pos+n], newline))
	r.pos += n
}

// row adds the cells of a record to the block, as a row or as a bad row.
func (r *csvReader) row(b *Block, x []float64, keys [][]byte) {
	if len(r.cells) != len(r.at) {
		b.bad(r.line, "", dataset.WrongLength(len(r.at), len(r.cells)))
		return
	}
	for i, cell := range r.cells {
		if key := r.at[i].key; key >= 0 {
			if !utf8.Valid(cell) {
				b.bad(r.line, r.columns.Keys[key], notUTF8)
				return
			}
			keys[key] = cell
		}
		feature := r.at[i].feature
		if feature < 0 {
			continue
		}
		if reason := r.columns.cell(x, feature, cell); reason != "" {
			b.bad(r.line, r.columns.Features[feature], reason)
			return
		}
	}
	b.keep()
}

// plain reads a good record without quotes, which most records are. It returns the length of the record, or 0 if one
// must read it. p ends with a line end, so the loops need no bounds.
func (r *csvReader) plain(p []byte, x []float64, keys [][]byte) int {
	if len(p) == 0 || len(r.at) == 1 && emptyLine(p, false) > 0 {
		return 0
	}
	at, last := 0, len(r.at)-1
	for i, column := range r.at {
		start := at
		if column.feature >= 0 {
			v, n := 0.0, 0
			if column.number {
				v, n = literal.ParsePlain(p[at:])
			}
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
				if reason := r.columns.cell(x, column.feature, cell); reason != "" {
					return 0
				}
				n = end - at
			} else {
				x[column.feature] = v
			}
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
			key := p[start:at]
			if i == last {
				key = bytes.TrimSuffix(key, carriageReturn)
			}
			if !utf8.Valid(key) {
				return 0
			}
			keys[column.key] = key
		}
		at++
	}
	if at > dataset.MaxRecord {
		return 0
	}
	return at
}

// notUTF8 is the reason for a key that no result could repeat: JSON and Parquet hold text in UTF-8 only.
const notUTF8 = "not UTF-8"

var carriageReturn = []byte{'\r'}

// cellEnd returns the end of the cell at an offset of p. ok is false if the cell has a quote.
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

// ParseHeader finds the columns in the first record of a CSV, which begins on the given line. The record must name
// each of them once. It ignores other names.
func ParseHeader(cells [][]byte, line int64, c Columns) (Header, error) {
	names := make([]string, len(cells))
	for i, cell := range cells {
		names[i] = string(literal.Trim(cell))
	}
	if len(names) > dataset.MaxColumns {
		return Header{}, &dataset.RowError{Line: int(line), Reason: fmt.Sprintf("more than %d columns", dataset.MaxColumns)}
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
				reason = "appears twice"
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
