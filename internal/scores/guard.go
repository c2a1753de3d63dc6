package scores

import (
	"slices"
	"strconv"
)

// Guard appends a cell of CSV, in quotes if it needs them. A cell that a spreadsheet would take for a formula gets an
// apostrophe in front, so that opening the file computes nothing and calls nothing. A number keeps its sign. A cell
// that has apostrophes in front of a formula gets one more, so that unguard is the inverse.
//
// See https://owasp.org/www-community/attacks/CSV_Injection.
func Guard(dst, cell []byte) []byte {
	at := len(dst)
	dst = appendCSV(dst, cell)
	if !startsFormula(cell) {
		return dst
	}
	if dst[at] == '"' {
		at++
	}
	return slices.Insert(dst, at, '\'')
}

// unguard returns the cell that Guard was given.
func unguard(cell []byte) []byte {
	if len(cell) > 1 && cell[0] == '\'' && startsFormula(cell[1:]) {
		return cell[1:]
	}
	return cell
}

// startsFormula reports whether a cell begins, after any apostrophes, like a formula.
func startsFormula(cell []byte) bool {
	i := 0
	for i < len(cell) && cell[i] == '\'' {
		i++
	}
	if i == len(cell) {
		return false
	}
	switch cell[i] {
	case '=', '@', '\t', '\r':
		return true
	case '+', '-':
		_, err := strconv.ParseFloat(string(cell), 64)
		return err != nil
	}
	return false
}
