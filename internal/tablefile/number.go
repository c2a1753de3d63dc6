package tablefile

import (
	"bytes"
	"unicode/utf8"

	"iris/internal/dataset"
)

// numeral is what a cell of a file with decimal commas may be.
type numeral int

const (
	noNumeral numeral = iota
	decimal           // has a decimal comma, and cannot be anything else: 1,5 or 1.234,5
	thousands         // may be a whole number with points between thousands: 1.234
	ambiguous         // has a decimal comma, or commas between thousands: 1,234
)

// appendPoint appends a number with a decimal comma as one with a decimal point and without marks between thousands.
// A sign, a unit such as € or % and blanks around it stay. It appends nothing for another cell.
func appendPoint(to, cell []byte) ([]byte, numeral) {
	if bytes.IndexByte(cell, ',') < 0 && bytes.IndexByte(cell, '.') < 0 {
		return to, noNumeral
	}
	begin, end := numberSpan(cell)
	var n numberForm
	if !n.parse(cell[begin:end]) {
		return to, noNumeral
	}
	kind := n.kind()
	if kind == noNumeral {
		return to, noNumeral
	}
	to = append(to, cell[:begin]...)
	if n.sign != 0 {
		to = append(to, n.sign)
	}
	for _, c := range n.whole {
		if '0' <= c && c <= '9' {
			to = append(to, c)
		}
	}
	if len(n.whole) == 0 {
		to = append(to, '0')
	}
	if n.comma {
		to = append(append(to, '.'), n.fraction...)
	}
	to = append(to, n.exponent...)
	return append(to, cell[end:]...), kind
}

// numberSpan returns where a cell's number begins and ends: without blanks, a currency and a percent sign.
func numberSpan(cell []byte) (begin, end int) {
	end = len(cell)
	for begin < end {
		r, size := utf8.DecodeRune(cell[begin:])
		if !isUnit(r) {
			break
		}
		begin += size
	}
	for end > begin {
		r, size := utf8.DecodeLastRune(cell[begin:end])
		if !isUnit(r) {
			break
		}
		end -= size
	}
	return begin, end
}

func isUnit(r rune) bool {
	switch r {
	case ' ', '\t', '\u00a0', '\u202f', '%', '$', '€', '£', '¥':
		return true
	}
	return false
}

// numberForm is the parts of a number with a decimal comma.
type numberForm struct {
	sign     byte   // 0 for none
	whole    []byte // with marks between thousands
	marks    int    // between thousands
	points   bool   // the marks are points
	comma    bool
	fraction []byte
	exponent []byte // with its e
}

// parse reports whether all of the text is a number.
func (n *numberForm) parse(text []byte) bool {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.sign, text = text[0], text[1:]
	}
	at := digits(text)
	if at > 0 && at <= 3 && text[0] != '0' { // thousands may follow
		for {
			size := groupMark(text[at:], n.marks > 0, n.points)
			if size == 0 || digits(text[at+size:]) != 3 {
				break
			}
			n.points = text[at] == '.'
			n.marks++
			at += size + 3
		}
	}
	n.whole, text = text[:at], text[at:]
	if len(text) > 0 && text[0] == ',' {
		end := 1 + digits(text[1:])
		n.comma, n.fraction, text = true, text[1:end], text[end:]
		if len(n.fraction) == 0 {
			return false
		}
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') && n.comma {
		end := 1
		if end < len(text) && (text[end] == '-' || text[end] == '+') {
			end++
		}
		size := digits(text[end:])
		if size == 0 {
			return false
		}
		n.exponent, text = text[:end+size], text[end+size:]
	}
	return len(text) == 0 && (len(n.whole) > 0 || n.comma)
}

// kind says what the number may be.
func (n *numberForm) kind() numeral {
	switch {
	case !n.comma && n.marks > 0 && n.points:
		return thousands
	case !n.comma:
		return noNumeral
	case n.marks == 0 && len(n.fraction) == 3 && len(n.exponent) == 0 &&
		len(n.whole) > 0 && len(n.whole) <= 3 && n.whole[0] != '0':
		return ambiguous
	}
	return decimal
}

// digits returns the number of digits at the start of a text.
func digits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// groupMark returns the size of a mark between thousands at the start of a text, or 0. All marks of a number are alike.
func groupMark(text []byte, more, points bool) int {
	size := 0
	switch {
	case len(text) == 0:
	case text[0] == '.', text[0] == ' ':
		size = 1
	case bytes.HasPrefix(text, noBreakSpace):
		size = len(noBreakSpace)
	case bytes.HasPrefix(text, narrowSpace):
		size = len(narrowSpace)
	}
	if size == 0 || more && points != (text[0] == '.') {
		return 0
	}
	return size
}

var noBreakSpace, narrowSpace = []byte("\u00a0"), []byte("\u202f")

// hasPoint reports whether a cell is a number with a decimal point that is not a mark between thousands, or a list of
// numbers: then commas in other cells are not decimal ones.
func hasPoint(cell []byte) bool {
	begin, end := numberSpan(cell)
	text := cell[begin:end]
	if _, number := dataset.ParseCell(text); number && bytes.IndexByte(text, '.') >= 0 {
		var n numberForm
		return !n.parse(text)
	}
	if bytes.Count(text, []byte{','}) < 2 {
		return false
	}
	for _, part := range bytes.Split(text, []byte{','}) {
		part = bytes.TrimSpace(part)
		if len(part) == 0 || digits(part) != len(part) {
			return false
		}
	}
	return true
}
