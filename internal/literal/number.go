package literal

import (
	"math"
	"strconv"
)

// Grammar is what counts as a number. Both grammars are decimal: they exclude hexadecimal floats, underscores, and the
// words Inf and NaN, which strconv accepts.
type Grammar bool

// The grammars.
const (
	CSV  Grammar = false // also +1, 01, .5 and 5.
	JSON Grammar = true  // RFC 8259 to the letter
)

// powersOfTen are the powers of ten that a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// ParseNumber reads the number at the start of s. It returns the number of bytes read and whether they are a number;
// if they are not, end is the offending byte. The value is the nearest float64, or infinite beyond the range of one.
//
// ParseNumber computes a number of up to 15 digits with a small exponent itself. The result is exact, because mantissa
// and power of ten are. Other numbers go to strconv, without an allocation for up to 32 bytes.
func ParseNumber[T string | []byte](s T, g Grammar) (value float64, end int, ok bool) {
	i := 0
	negative := len(s) > 0 && s[0] == '-'
	if negative || (g == CSV && len(s) > 0 && s[0] == '+') {
		i++
	}

	const maxDigits = 15
	mantissa, digits, exponent := uint64(0), 0, 0
	first := i
	for ; i < len(s) && IsDigit(s[i]); i++ {
		if digits++; digits <= maxDigits {
			mantissa = mantissa*10 + uint64(s[i]-'0')
		}
	}
	if g == JSON && digits == 0 {
		return 0, i, false
	}
	if g == JSON && digits > 1 && s[first] == '0' {
		return 0, first + 1, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		whole := digits
		for ; i < len(s) && IsDigit(s[i]); i++ {
			if digits++; digits <= maxDigits {
				mantissa = mantissa*10 + uint64(s[i]-'0')
			}
		}
		exponent = whole - digits
		if g == JSON && exponent == 0 {
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
		for ; i < len(s) && IsDigit(s[i]); i++ {
			if power < 10000 { // far beyond any float64, and far from an overflow
				power = power*10 + int(s[i]-'0')
			}
		}
		if i == start {
			return 0, i, false
		}
		exponent += sign * power
	}

	if digits > maxDigits || exponent < -22 || exponent > 22 {
		// The literal is well-formed, so the only error left is one of range. The value is then infinite, or 0.
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

// ParsePlain is a faster ParseNumber for the most common form: an optional minus sign, digits and a point. A byte that
// belongs to none of these must follow in p. For every other number n is 0. The value is exact, because mantissa and
// power of ten are (Clinger 1990).
func ParsePlain(p []byte) (v float64, n int) {
	i := 0
	if p[0] == '-' {
		i = 1
	}
	first := i
	mantissa := uint64(0)
	c := p[i] - '0'
	for ; c <= 9; c = p[i] - '0' {
		mantissa = mantissa*10 + uint64(c)
		i++
	}
	digits, exponent := i-first, 0
	if p[i] == '.' {
		i++
		point := i
		for c = p[i] - '0'; c <= 9; c = p[i] - '0' {
			mantissa = mantissa*10 + uint64(c)
			i++
		}
		exponent = i - point
		digits += exponent
	}
	const maxDigits, maxMantissa = 19, 1 << 53 // 19 digits do not overflow
	if digits == 0 || digits > maxDigits || mantissa > maxMantissa {
		return 0, 0
	}
	v = float64(mantissa) / powersOfTen[exponent]
	if first == 1 && mantissa != 0 {
		v = -v
	}
	return v, i
}

// ParseShort is a faster ParseNumber for a whole text of an optional minus sign, up to 15 digits and a point. It
// reports false for every other text.
func ParseShort(s string) (v float64, ok bool) {
	const maxText = 17
	if len(s) == 0 || len(s) > maxText {
		return 0, false
	}
	i := 0
	if s[0] == '-' {
		i = 1
	}
	mantissa, point := uint64(0), -1
	first := i
	for ; i < len(s); i++ {
		switch c := s[i] - '0'; {
		case c <= 9:
			mantissa = mantissa*10 + uint64(c)
		case s[i] == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	digits := len(s) - first
	if point >= 0 {
		digits--
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	v = float64(mantissa)
	if point >= 0 {
		v /= powersOfTen[len(s)-1-point]
	}
	if first == 1 {
		v = -v
	}
	return v, true
}

// IsDigit reports whether c is a digit of ASCII.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsFinite reports whether v is neither infinite nor NaN.
func IsFinite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
