// Package literal reads numbers and dates from text. It knows the spellings that tables have, and nothing about
// columns:
// package dataset decides which of them a column has.
package literal

// Trim removes the spaces and tabs around a cell. Names, numbers, texts and labels are trimmed; keys are not.
func Trim[T string | []byte](cell T) T {
	for len(cell) > 0 && isBlank(cell[0]) {
		cell = cell[1:]
	}
	for len(cell) > 0 && isBlank(cell[len(cell)-1]) {
		cell = cell[:len(cell)-1]
	}
	return cell
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
