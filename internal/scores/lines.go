package scores

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxLine limits what is buffered of a damaged file. A line of scores is shorter, because its cells come from one line
// of the input.
const maxLine = 16 << 20

var (
	errCut     = errors.New("the last line is truncated")
	errTooLong = fmt.Errorf("a line is longer than %d bytes", maxLine)
)

// lineReader reads the lines that Writer writes. It does not accept other forms of CSV or JSON.
type lineReader struct {
	layout  Layout
	from    io.Reader
	classes classIndex
	buffer  []byte // bytes that were read
	start   int    // of the bytes that are not consumed
	ended   bool
	passed  int64 // bytes consumed

	cells  [][]byte
	before [][]byte // of JSON Lines: the text before each value
	text   []byte   // unquoted cells
}

func newLineReader(l Layout, r io.Reader) *lineReader {
	in := &lineReader{layout: l, from: r, classes: indexOf(l.Classes), buffer: make([]byte, 0, flushAt)}
	if l.Format == JSONL {
		for i, name := range l.Columns() {
			in.before = append(in.before, append(appendJSON([]byte{','}, []byte(name)), ':'))
			if i == 0 {
				in.before[0][0] = '{'
			}
		}
	}
	return in
}

func (r *lineReader) offset() int64 { return r.passed }

func (*lineReader) close() error { return nil }

func (r *lineReader) skip(n int64) error {
	for ; n > 0; n-- {
		if _, more, err := r.line(); err != nil || !more {
			return err
		}
	}
	return nil
}

func (r *lineReader) next(row *Row) (more bool, err error) {
	line, more, err := r.line()
	if err != nil || !more {
		return false, err
	}
	r.cells, r.text = r.cells[:0], r.text[:0]
	if r.layout.Format == JSONL {
		err = r.cutJSON(line)
	} else {
		err = r.cutCSV(line)
	}
	if err != nil {
		return false, err
	}
	if r.layout.Format == CSV && r.layout.CSVSafe {
		for i, cell := range r.cells[:min(len(r.cells), len(r.layout.Keys)+1)] {
			r.cells[i] = unguard(cell)
		}
	}
	return true, r.row(row)
}

// row reads the cells of a line.
func (r *lineReader) row(row *Row) (err error) {
	row.resize(r.layout)
	keys := len(row.Keys)
	if want := keys + 1 + len(row.Probabilities); len(r.cells) != want {
		return fmt.Errorf("%d values, want %d", len(r.cells), want)
	}
	for i := range row.Keys {
		row.Keys[i] = string(r.cells[i])
	}
	if row.Label, err = r.classes.of(r.cells[keys]); err != nil {
		return err
	}
	for i := range row.Probabilities {
		if row.Probabilities[i], err = parseNumber(r.cells[keys+1+i]); err != nil {
			return err
		}
	}
	return nil
}

// line returns the next line without its line feed, valid until the next call. more is false after the last line.
func (r *lineReader) line() (line []byte, more bool, err error) {
	seen, quoted := 0, false // bytes up to a line feed between quotes
	for {
		rest := r.buffer[r.start:]
		at := bytes.IndexByte(rest[seen:], '\n')
		if at < 0 {
			if more, err := r.fill(); err != nil || !more {
				return nil, false, err
			}
			continue
		}
		// A line feed between quotes is part of a cell. JSON escapes line feeds.
		if r.layout.Format == CSV {
			quoted = quoted != (bytes.Count(rest[seen:seen+at], quoteMark)%2 == 1)
		}
		seen += at + 1
		if !quoted {
			r.start += seen
			r.passed += int64(seen)
			return rest[:seen-1], true, nil
		}
	}
}

var quoteMark = []byte{'"'}

// fill reads more. more is false at the end; an incomplete line is errCut.
func (r *lineReader) fill() (more bool, err error) {
	r.buffer = append(r.buffer[:0], r.buffer[r.start:]...)
	r.start = 0
	switch {
	case r.ended && len(r.buffer) == 0:
		return false, nil
	case r.ended:
		return false, errCut
	case len(r.buffer) >= maxLine:
		return false, errTooLong
	}
	if cap(r.buffer) == len(r.buffer) {
		r.buffer = slices.Grow(r.buffer, len(r.buffer))
	}
	n, err := r.from.Read(r.buffer[len(r.buffer):cap(r.buffer)])
	r.buffer = r.buffer[:len(r.buffer)+n]
	if err == io.EOF { // not errors.Is: the error of a lost connection may wrap io.EOF
		r.ended = true
		return true, nil
	}
	return true, err
}

// cutCSV splits a line at its commas.
func (r *lineReader) cutCSV(line []byte) error {
	for {
		if len(line) == 0 || line[0] != '"' {
			cell, rest, more := bytes.Cut(line, []byte{','})
			if bytes.IndexByte(cell, '"') >= 0 {
				return errors.New("a quote inside an unquoted value")
			}
			r.cells = append(r.cells, cell)
			if !more {
				return nil
			}
			line = rest
			continue
		}
		rest, err := r.unquote(line[1:])
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			return nil
		}
		if rest[0] != ',' {
			return errors.New("text after a quoted value")
		}
		line = rest[1:]
	}
}

// unquote adds a quoted cell. The line begins after the opening quote; unquote returns the text after the closing one.
func (r *lineReader) unquote(line []byte) (rest []byte, err error) {
	start := len(r.text)
	for {
		at := bytes.IndexByte(line, '"')
		if at < 0 {
			return nil, errors.New("a quoted value does not end")
		}
		r.text = append(r.text, line[:at]...)
		line = line[at+1:]
		if len(line) == 0 || line[0] != '"' {
			r.cells = append(r.cells, r.text[start:len(r.text):len(r.text)])
			return line, nil
		}
		r.text = append(r.text, '"')
		line = line[1:]
	}
}

// cutJSON splits an object into its values, which must be those of the layout in order.
func (r *lineReader) cutJSON(line []byte) error {
	texts := len(r.layout.Keys) + 1
	for i, before := range r.before {
		value, found := bytes.CutPrefix(line, before)
		if !found {
			return fmt.Errorf("want %s at %.40q", before[1:], line)
		}
		var err error
		if i < texts {
			line, err = r.unquoteJSON(value)
		} else {
			line, err = r.cutNumber(value)
		}
		if err != nil {
			return err
		}
	}
	if string(line) != "}" {
		return fmt.Errorf("want the end of the object at %.40q", line)
	}
	return nil
}

// cutNumber adds the number at the start of a line.
func (r *lineReader) cutNumber(line []byte) (rest []byte, err error) {
	end := bytes.IndexAny(line, ",}")
	if end < 0 {
		return nil, fmt.Errorf("want a number at %.40q", line)
	}
	r.cells = append(r.cells, line[:end])
	return line[end:], nil
}

// unquoteJSON adds the string at the start of a line.
func (r *lineReader) unquoteJSON(line []byte) (rest []byte, err error) {
	if len(line) == 0 || line[0] != '"' {
		return nil, fmt.Errorf("want a string at %.40q", line)
	}
	end, escaped := 1, false
	for ; end < len(line) && line[end] != '"'; end++ {
		if line[end] == '\\' {
			escaped = true
			end++
		}
	}
	if end >= len(line) {
		return nil, fmt.Errorf("a string without a closing quote at %.40q", line)
	}
	cell := line[1:end]
	if escaped {
		var text string
		if err := json.Unmarshal(line[:end+1], &text); err != nil {
			return nil, fmt.Errorf("an invalid string at %.40q", line)
		}
		cell = []byte(text)
	}
	r.cells = append(r.cells, cell)
	return line[end+1:], nil
}
