package rows

import "bytes"

// Reasons why a record is no row, in the words of a training.
const (
	openQuote  = "a quoted value that doesn't end, or has text behind its quote"
	strayQuote = "a quote inside a value that isn't quoted"
	tooLong    = "more than 1048576 bytes in one row: is a quote left open?"
)

// splitter cuts records of a CSV into cells, as encoding/csv would.
type splitter struct {
	cells [][]byte // of the last record; point into what was split, or into text
	text  []byte   // cells with doubled quotes, undone
	only  bool     // look where records end, and nothing else
}

// split reads the record at the start of p. It returns its length with the end of its line, 0 when p may end before the
// record does, and what is wrong with its quotes; the cells are of no use then.
func (s *splitter) split(p []byte, eof bool) (n int, bad string) {
	s.cells = s.cells[:0]
	line := -1 // where the line ends that at is on, once looked for
	for at := 0; ; {
		if at < len(p) && p[at] == '"' {
			size := s.quoted(p[at:])
			at += size
			rest := p[at:]
			switch {
			case size == 0 && eof:
				return len(p), openQuote
			case size == 0, !eof && (len(rest) == 0 || len(rest) == 1 && rest[0] == '\r'):
				return 0, ""
			case len(rest) > 0 && rest[0] == ',':
				at++
				continue
			}
			if size, ended := lineEnd(rest); ended {
				return at + size, ""
			}
			// Text behind the quote: the record goes to the end of the line.
			end := bytes.IndexByte(rest, '\n')
			switch {
			case end >= 0:
				return at + end + 1, openQuote
			case eof:
				return len(p), openQuote
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
			return min(line+1, len(p)), strayQuote
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

// quoted reads the quoted cell at the start of p and returns its length, 0 when p ends in it.
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

// lineEnd is the length of the end of a line at the start of p. The end of the input is one too, with a lone carriage
// return before it or without.
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

// blank is the length of the empty line at the start of p, 0 when there is none.
func blank(p []byte, eof bool) int {
	switch {
	case len(p) > 0 && p[0] == '\n':
		return 1
	case len(p) > 1 && p[0] == '\r' && p[1] == '\n':
		return 2
	case len(p) == 1 && p[0] == '\r' && eof:
		return 1
	}
	return 0
}
