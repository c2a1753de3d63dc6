package dataset

import (
	"math"
	"strconv"
)

// Grammar is what counts as a number. Both are decimal only: neither hex floats,
// underscores nor the words Inf and NaN, all of which strconv would take.
type Grammar bool

const (
	CSVNumber  Grammar = false // also takes +1, 01, .5 and 5.
	JSONNumber Grammar = true  // RFC 8259 to the letter
)

// powersOfTen are those a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// ParseNumber reads the number at the start of s. It returns the number of bytes
// read and whether they are a number; when not, end is the byte that spoiled it.
// The value is the nearest float64, infinite when it is beyond the range of one.
//
// A number of up to 15 digits whose exponent is small is computed right here,
// exactly, because mantissa and power of ten are both exact: no allocation and
// no second pass. The rest goes to strconv, which the compiler also feeds
// without an allocation as long as the literal has up to 32 bytes.
func ParseNumber[T string | []byte](s T, g Grammar) (value float64, end int, ok bool) {
	i := 0
	negative := len(s) > 0 && s[0] == '-'
	if negative || (g == CSVNumber && len(s) > 0 && s[0] == '+') {
		i++
	}

	const maxDigits = 15
	mantissa, digits, exponent := uint64(0), 0, 0
	first := i
	for ; i < len(s) && isDigit(s[i]); i++ {
		if digits++; digits <= maxDigits {
			mantissa = mantissa*10 + uint64(s[i]-'0')
		}
	}
	if g == JSONNumber && digits == 0 {
		return 0, i, false
	}
	if g == JSONNumber && digits > 1 && s[first] == '0' {
		return 0, first + 1, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		whole := digits
		for ; i < len(s) && isDigit(s[i]); i++ {
			if digits++; digits <= maxDigits {
				mantissa = mantissa*10 + uint64(s[i]-'0')
			}
		}
		exponent = whole - digits
		if g == JSONNumber && exponent == 0 {
			return 0, i, false
		}
	}
	if digits == 0 {
		return 0, i, false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		sign := 1
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			if s[i] == '-' {
				sign = -1
			}
			i++
		}
		power, start := 0, i
		for ; i < len(s) && isDigit(s[i]); i++ {
			if power < 10000 { // far beyond any float64, and far from overflowing
				power = power*10 + int(s[i]-'0')
			}
		}
		if i == start {
			return 0, i, false
		}
		exponent += sign * power
	}

	if digits > maxDigits || exponent < -22 || exponent > 22 {
		// The literal is well-formed: the only error left is one of range,
		// and then the value is infinite, or 0 where it is too small.
		value, _ = strconv.ParseFloat(string(s[:i]), 64)
		return value, i, true
	}
	value = float64(mantissa)
	if exponent < 0 {
		value /= powersOfTen[-exponent]
	} else {
		value *= powersOfTen[exponent]
	}
	if negative {
		value = -value
	}
	return value, i, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// ParseCell is the number a CSV cell holds, 0 for -0 so that equal values are
// equal bytes everywhere. ok is false when the cell holds anything but a number;
// the value may still be infinite.
func ParseCell(cell string) (value float64, ok bool) {
	value, end, ok := ParseNumber(cell, CSVNumber)
	if !ok || end != len(cell) {
		return 0, false
	}
	if value == 0 {
		return 0, true
	}
	return value, true
}

func isFinite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
