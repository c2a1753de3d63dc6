package tablefile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// Limits of the rows whose keys become the columns.
const (
	firstRows  = 1000
	firstBytes = 4 << 20
)

// isJSONLines tells by the name or the type, or else by the first line, whether a text is JSON lines.
func isJSONLines(text *bufio.Reader, o Options) bool {
	switch path.Ext(o.Name) {
	case ".jsonl", ".ndjson", ".json":
		return true
	}
	switch o.MediaType {
	case "application/jsonl", "application/jsonlines", "application/x-jsonlines", "application/x-ndjson":
		return true
	}
	begin, _ := text.Peek(sniffed)
	line, _, _ := bytes.Cut(bytes.TrimLeft(begin, " \t\r\n"), []byte{'\n'})
	return len(line) > 0 && line[0] == '{' && jsonrow.Check(line) == nil
}

// openJSONLines finds the columns in the first rows.
func (t *Reader) openJSONLines(text *bufio.Reader) error {
	t.found.Format, t.found.Converted, t.header = JSONLines, true, true
	l := &jsonLines{in: text, encoding: t.found.Encoding, index: map[string]int{}, csvLine: 1, lines: &t.lines}
	for size := 0; len(l.first) < firstRows && size < firstBytes; {
		row, err := l.read()
		if err == io.EOF { //nolint:errorlint // not the end of a lost connection
			break
		}
		if err != nil {
			return err
		}
		if err := l.parse(row, true); err != nil {
			return err
		}
		row.text = bytes.Clone(row.text)
		l.first, size = append(l.first, row), size+len(row.text)
	}
	if len(l.names) == 0 {
		return &dataset.RowError{Reason: "no JSON object with members: want one on each line"}
	}
	t.r = &rowReader{next: l.next}
	return nil
}

// jsonLines converts JSON objects, one on each line.
type jsonLines struct {
	in       *bufio.Reader
	encoding string
	first    []jsonLine // read already
	at       int        // the next of them
	begun    bool       // the header has been written

	line    int // of the file, read last
	csvLine int // of the next record in the CSV
	lines   *lineMap

	names  []string
	index  map[string]int
	values [][]byte // by column; nil for a missing one
	text   []byte   // of a long line
	spare  []byte   // for strings with escapes
}

// jsonLine is a line of the file.
type jsonLine struct {
	number int
	text   []byte
}

// read returns the next line that is not blank. Its text is valid until the next call.
func (l *jsonLines) read() (jsonLine, error) {
	for {
		l.line++
		l.text = l.text[:0]
		for {
			part, err := l.in.ReadSlice('\n')
			l.text = append(l.text, part...)
			if len(l.text) > dataset.MaxRecord {
				return jsonLine{}, &dataset.RowError{Line: l.line, Reason: fmt.Sprintf("more than %d bytes", dataset.MaxRecord)}
			}
			if err == nil || err == io.EOF && len(l.text) > 0 { //nolint:errorlint // not the end of a lost connection
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return jsonLine{}, err //nolint:wrapcheck // the errors of readers are passed on
			}
		}
		if row := bytes.TrimSpace(l.text); len(row) > 0 {
			return jsonLine{l.line, row}, nil
		}
	}
}

// next appends the header or the next row.
func (l *jsonLines) next(to []byte) ([]byte, error) {
	from := len(to)
	if !l.begun {
		l.begun = true
		to = appendRow(to, l.names)
		l.csvLine += bytes.Count(to[from:], []byte{'\n'})
		return to, nil
	}
	row, err := l.nextLine()
	if err != nil {
		return to, err
	}
	if err := l.parse(row, false); err != nil {
		return to, err
	}
	l.lines.add(l.csvLine, row.number)
	to = appendRow(to, l.values)
	l.csvLine += bytes.Count(to[from:], []byte{'\n'})
	return to, nil
}

// nextLine returns the next of the first lines, or reads one.
func (l *jsonLines) nextLine() (jsonLine, error) {
	if l.at < len(l.first) {
		row := l.first[l.at]
		l.first[l.at] = jsonLine{} // gives the memory back
		l.at++
		return row, nil
	}
	l.first, l.at = nil, 0
	return l.read()
}

// parse puts the members of an object into the values. It adds columns only if grow is true.
func (l *jsonLines) parse(row jsonLine, grow bool) error {
	fail := func(column, reason string) error {
		return &dataset.RowError{Line: row.number, Column: column, Reason: reason}
	}
	if l.encoding != "utf-8" && bytes.Contains(row.text, []byte("\ufffd")) {
		return fail("", badText(l.encoding))
	}
	s := jsonrow.Scanner{Data: row.text}
	if s.Peek() != '{' {
		if err := jsonrow.Check(row.text); err != nil && s.Peek() != '[' {
			return fail("", err.Error())
		}
		return fail("", s.Kind()+", want JSON lines: an object on each line")
	}
	l.values = append(l.values[:0], make([][]byte, len(l.names))...)
	l.spare = l.spare[:0]
	s.Pos++
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil {
			return fail("", err.Error())
		}
		if !ok {
			break
		}
		key := string(name.Decode(nil))
		i, known := l.index[key]
		switch {
		case known && l.values[i] != nil:
			return fail(key, "given twice")
		case !known && !grow:
			return fail(key, fmt.Sprintf("not a column: the first %d rows do not have it", firstRows))
		case !known && len(l.names) == dataset.MaxColumns:
			return fail(key, fmt.Sprintf("more than %d columns", dataset.MaxColumns))
		case !known:
			i = len(l.names)
			l.index[key], l.names, l.values = i, append(l.names, key), append(l.values, nil)
		}
		l.values[i], err = l.value(&s)
		var syntax *jsonrow.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return fail("", syntax.Error())
		case err != nil:
			return fail(key, err.Error())
		}
	}
	if err := s.End(); err != nil {
		return fail("", err.Error())
	}
	return nil
}

// value reads a value as the text of a cell. A null is "".
func (l *jsonLines) value(s *jsonrow.Scanner) ([]byte, error) {
	switch kind := s.Kind(); s.Peek() {
	case '"':
		text, err := s.Text()
		if err != nil {
			return nil, err //nolint:wrapcheck // the caller adds the line
		}
		from := len(l.spare)
		l.spare = append(l.spare, text.Decode(nil)...)
		return l.spare[from:len(l.spare):len(l.spare)], nil
	case '{', '[':
		return nil, errors.New(kind + ", want a text, a number, true, false or null: tables have no values inside values")
	case 'n':
		return []byte{}, s.Skip(1) //nolint:wrapcheck // as above
	}
	start := s.Pos
	err := s.Skip(1)
	return s.Data[start:s.Pos], err //nolint:wrapcheck // as above
}
