package tablefile

import (
	"bytes"
	"fmt"
	"strings"

	"iris/internal/dataset"
)

// sample is the beginning of a CSV of an unknown dialect: its complete records.
type sample struct {
	records [][]byte             // without their line ends
	counts  [][numCandidates]int // of each delimiter outside quotes, by record
	returns bool                 // lines end in CR alone
}

const numCandidates = len(delimiters)

// newSample finds the records in a text. The last record counts only if the file ends there, or if it is the only one.
func newSample(text []byte, whole bool) *sample {
	s := &sample{}
	s.returns = bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(bytes.TrimSuffix(text, []byte{'\r'}), '\r') >= 0
	var counts [numCandidates]int
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '"':
			if i+1 < len(text) && text[i+1] == '"' {
				i++
			} else {
				quoted = i+1 < len(text) && !endsCell(text[i+1])
			}
		case quoted:
		case c == '"':
			quoted = i == start || endsCell(text[i-1])
		case c == '\n', c == '\r' && s.returns:
			s.add(text[start:i], counts)
			start, counts = i+1, [numCandidates]int{}
		default:
			if candidate := strings.IndexByte(delimiters, c); candidate >= 0 {
				counts[candidate]++
			}
		}
	}
	if start < len(text) && (whole || len(s.records) == 0) {
		s.add(text[start:], counts)
	}
	return s
}

// endsCell reports whether c separates cells or lines, whatever the dialect.
func endsCell(c byte) bool { return c == '\n' || c == '\r' || strings.IndexByte(delimiters, c) >= 0 }

// add adds a record, unless it is a line of blanks.
func (s *sample) add(record []byte, counts [numCandidates]int) {
	record = bytes.TrimSuffix(record, []byte{'\r'})
	if len(bytes.TrimSpace(record)) > 0 {
		s.records, s.counts = append(s.records, record), append(s.counts, counts)
	}
}

// delimiter returns the delimiter that every record has as often as the first one, or the one for which that is nearly
// so. The comma wins a tie, unless all commas are decimal ones.
func (s *sample) delimiter() byte {
	best, bestShare, bestCount := 0, 0, 0
	for i := range numCandidates {
		share, count := 0, 0
		if len(s.counts) > 0 {
			count = s.counts[0][i]
		}
		if count == 0 {
			continue
		}
		for _, counts := range s.counts {
			if counts[i] == count {
				share++
			}
		}
		switch {
		case share > bestShare:
		case share < bestShare:
			continue
		case delimiters[best] == ',' && delimiters[i] != '|' && s.commasAreDecimal(delimiters[i]):
		case delimiters[best] == ',' || count <= bestCount:
			continue
		}
		best, bestShare, bestCount = i, share, count
	}
	return delimiters[best]
}

// commasAreDecimal reports whether each comma is in a cell that is a number with a decimal comma, if this delimiter
// separates the cells.
func (s *sample) commasAreDecimal(delimiter byte) bool {
	for _, record := range s.records {
		for _, cell := range cut(record, delimiter) {
			if bytes.IndexByte(cell, ',') < 0 {
				continue
			}
			if _, kind := appendPoint(nil, cell); kind == noNumeral {
				return false
			}
		}
	}
	return true
}

// cut cuts a record into cells. Quotes around a cell are removed, those inside it stay as they are.
func cut(record []byte, delimiter byte) [][]byte {
	var cells [][]byte
	for start, at, quoted := 0, 0, false; at <= len(record); at++ {
		switch {
		case at < len(record) && record[at] == '"':
			quoted = !quoted && at == start || quoted && at+1 < len(record) && !endsCell(record[at+1])
		case at == len(record) || record[at] == delimiter && !quoted:
			cell := record[start:at]
			if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
				cell = cell[1 : len(cell)-1]
			}
			cells = append(cells, cell)
			start = at + 1
		}
	}
	return cells
}

// decimalComma reports whether numbers have a decimal comma: some cells can be nothing else, and no cell has a decimal
// point. A file with commas between its cells has none. The warning is for a file of which nobody can tell.
func (s *sample) decimalComma(delimiter byte, headless bool) (_ bool, warning string) {
	if delimiter != ';' && delimiter != '\t' {
		return false, ""
	}
	var example [ambiguous + 1][]byte
	var point []byte
	for i, record := range s.records {
		if i == 0 && !headless && len(s.records) > 1 {
			continue
		}
		for _, cell := range cut(record, delimiter) {
			_, kind := appendPoint(nil, cell)
			switch {
			case kind != noNumeral && example[kind] == nil:
				example[kind] = cell
			case kind == noNumeral && point == nil && hasPoint(cell):
				point = cell
			}
		}
	}
	switch {
	case example[decimal] != nil && point == nil:
		return true, ""
	case example[decimal] != nil:
		return false, fmt.Sprintf(
			"%s has a decimal comma but %s does not, so no number was changed; decimal=comma changes them",
			dataset.Shown(string(example[decimal])),
			dataset.Shown(string(point)),
		)
	case example[ambiguous] != nil && point == nil:
		return false, fmt.Sprintf("%s may have a decimal comma or a comma between thousands; decimal=comma or decimal=point "+
			"says which", dataset.Shown(string(example[ambiguous])))
	}
	return false, ""
}
