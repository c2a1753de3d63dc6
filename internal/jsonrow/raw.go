package jsonrow

import "strconv"

// RawRow is one row as text. Its values point into the document.
type RawRow struct {
	Values [][]byte // in the order of the features, as JSON; null for a missing one
	Others [][]byte // values of other fields; nil for a missing one

	index map[string]int // of the other fields, by name
}

// DecodeRawRows is DecodeRows for rows that are passed on as text: row also gets the text of the features, and of the
// values of other fields. The other fields must not be features. If a field is given twice, its last value counts.
func (d *Decoder) DecodeRawRows(data []byte, others []string, row func(x []float64, raw *RawRow) error) (int, error) {
	raw := &RawRow{
		Values: make([][]byte, len(d.features.Names)),
		Others: make([][]byte, len(others)),
		index:  make(map[string]int, len(others)),
	}
	for i, name := range others {
		raw.index[name] = i
	}
	return d.rows(data, "/data", raw, func(x []float64) error { return row(x, raw) })
}

// setOther keeps the value of a field that is not a feature.
func (r *RawRow) setOther(name, value []byte) {
	if i, ok := r.index[string(name)]; ok {
		r.Others[i] = value
	}
}

// AppendShortest appends the shortest text that stands for exactly the value of a JSON number, as strconv.FormatFloat
// writes it with format 'g' and precision -1. A number that is written that way already is copied and not formatted.
func AppendShortest(dst, number []byte, value float64) []byte {
	if isShortest(number) {
		return append(dst, number...)
	}
	return strconv.AppendFloat(dst, value, 'g', -1, 64)
}

// isShortest reports whether a JSON number is the shortest text for its value. It may miss one that is. Different
// decimals of up to 15 digits are different values, so such a decimal is the shortest if none of its digits is
// needless and strconv would write it without an exponent.
func isShortest(number []byte) bool {
	const (
		maxDigits    = 15
		maxWhole     = 6 // digits before the point
		maxZerosPast = 3 // zeros after the point of a number below 1
	)
	if len(number) > 0 && number[0] == '-' {
		number = number[1:]
	}
	whole := 0
	for whole < len(number) && isDigit(number[whole]) {
		whole++
	}
	if whole == len(number) {
		return whole <= maxWhole
	}
	fraction := number[whole+1:]
	if number[whole] != '.' || whole > maxWhole || whole+len(fraction) > maxDigits {
		return false
	}
	for _, c := range fraction {
		if !isDigit(c) {
			return false
		}
	}
	if fraction[len(fraction)-1] == '0' {
		return false
	}
	if number[0] != '0' {
		return true
	}
	zeros := 0
	for fraction[zeros] == '0' { // the last digit is another one
		zeros++
	}
	return zeros <= maxZerosPast
}
