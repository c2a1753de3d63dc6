package rows

import (
	"bytes"

	"iris/internal/dataset"
)

// splitter splits the records of a CSV into cells as encoding/csv does, except that CRLF inside quotes stays CRLF.
// Unlike encoding/csv it knows the exact length of a record in bytes and goes on after a malformed one.
type splitter struct {
	cells [][]byte // of the last record; they point into the input or into text
	text  []byte   // cells whose doubled quotes were undone
	only  bool     // find the ends of records only, without the cells
}

// split reads the record at the start of p. It returns the length of the record with its line end, or 0 if p may end
// before the record does. bad says what is wrong with the quotes; the cells are then not usable.
func (s *splitter) split(p []byte, eof bool) (n int, bad string) {
	s.cells = s.cells[:0]
	line := -1 // end of the line that contains at, once known
	for at := 0; ; {
		if at < len(p) && p[at] == '"' {
			size := s.quoted(p[at:])
			at += size
			rest := p[at:]
			switch {
			case size == 0 && eof:
				return len(p), dataset.OpenQuote
			case size == 0, !eof && (len(rest) == 0 || len(rest) == 1 && rest[0] == '\r'):
				return 0, ""
			case len(rest) > 0 && rest[0] == ',':
				at++
				continue
			}
			if size, ended := lineEnd(rest); ended {
				return at + size, ""
			}
			// Text follows the quote: the record ends with the line.
			end := bytes.IndexByte(rest, '\n')
			switch {
			case end >= 0:
				return at + end + 1, dataset.OpenQuote
			case eof:
				return len(p), dataset.OpenQuote
			}
			return 0, ""
		}
		if line < at {
			if line = bytes.IndexByte(p[at:], '\n'); line >= 0 {
				line += at
			} else if line = len(p); !eof {
				return 0, ""
			}
		}
		comma := bytes.IndexByte(p[at:line], ',')
		cell := p[at:line]
		if comma >= 0 {
			cell = p[at : at+comma]
		} else if size := len(cell); size > 0 && cell[size-1] == '\r' {
			cell = cell[:size-1]
		}
		if bytes.IndexByte(cell, '"') >= 0 {
			return min(line+1, len(p)), dataset.StrayQuote
		}
		if !s.only {
			s.cells = append(s.cells, cell)
		}
		if comma < 0 {
			return min(line+1, len(p)), ""
		}
		at += comma + 1
	}
}

// quoted reads the quoted cell at the start of p and returns its length, or 0 if p ends in the cell.
func (s *splitter) quoted(p []byte) int {
	from := len(s.text)
	for at := 1; ; {
		i := bytes.IndexByte(p[at:], '"')
		if i < 0 {
			s.text = s.text[:from]
			return 0
		}
		end := at + i
		doubled := end+1 < len(p) && p[end+1] == '"'
		switch {
		case s.only:
		case doubled:
			s.text = append(s.text, p[at:end+1]...)
		case len(s.text) == from:
			s.cells = append(s.cells, p[at:end])
		default:
			s.text = append(s.text, p[at:end]...)
			s.cells = append(s.cells, s.text[from:len(s.text):len(s.text)])
		}
		if !doubled {
			return end + 1
		}
		at = end + 2
	}
}

// lineEnd returns the length of the line end at the start of p. The end of the input is a line end too, with or
// without a lone carriage return before it.
func lineEnd(p []byte) (n int, ended bool) {
	switch {
	case len(p) == 0:
		return 0, true
	case p[0] == '\n':
		return 1, true
	case p[0] == '\r' && len(p) == 1:
		return 1, true
	case p[0] == '\r' && p[1] == '\n':
		return 2, true
	}
	return 0, false
}

// emptyLine returns the length of the line at the start of p if the line is empty or has only blanks, else 0.
func emptyLine(p []byte, eof bool) int {
	at := 0
	for at < len(p) && (p[at] == ' ' || p[at] == '\t') {
		at++
	}
	rest := p[at:]
	switch {
	case len(rest) > 0 && rest[0] == '\n':
		return at + 1
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		return at + 2
	case eof && (len(rest) == 0 || len(rest) == 1 && rest[0] == '\r'):
		return len(p)
	}
	return 0
}
