package dataset

// Cell reads a feature from a cell of a CSV by the rules of Scan: a finite decimal number, blanks around it don't
// matter.
// The reason says what is wrong with it, in the words of Scan; it is "" where nothing is. It doesn't allocate unless
// there is one.
func Cell(cell []byte) (value float64, reason string) {
	for len(cell) > 0 && (cell[0] == ' ' || cell[0] == '\t') {
		cell = cell[1:]
	}
	for len(cell) > 0 && (cell[len(cell)-1] == ' ' || cell[len(cell)-1] == '\t') {
		cell = cell[:len(cell)-1]
	}
	value, end, ok := ParseNumber(cell, CSVNumber)
	if !ok || end != len(cell) || !isFinite(value) {
		return 0, badCell(string(cell))
	}
	if value == 0 {
		return 0, "" // -0 too, so that equal values are equal bytes everywhere
	}
	return value, ""
}
