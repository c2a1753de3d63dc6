package scores

import (
	"math"
	"strconv"
)

// AppendNumber appends a finite number as encoding/json does: the shortest form that reads back as v, with an exponent
// for very small and very large numbers only.
func AppendNumber(dst []byte, v float64) []byte {
	if v > 0 && v <= 1 {
		if out, ok := appendShort(dst, v); ok {
			return out
		}
	}
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return appendExponent(dst, v)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendShort appends a number of (0, 1] with at most eight decimals. Most probabilities of trees, forests and
// neighbours are such numbers, because they are fractions of a small count. The result is exact: n / 1e8 is the double
// nearest to the decimal, since n and 1e8 are doubles. No two decimals of up to 15 digits share a double, so if that
// double is v, then n without its trailing zeros is v's shortest form.
func appendShort(dst []byte, v float64) ([]byte, bool) {
	const (
		decimals = 8
		scale    = 1e8
		smallest = 100 // below 1e-6 the number has an exponent
	)
	n := uint32(v*scale + 0.5)
	if float64(n)/scale != v || n < smallest {
		return dst, false
	}
	if n == scale {
		return append(dst, '1'), true
	}
	digits := decimals
	if n%10_000 == 0 {
		n /= 10_000
		digits -= 4
	}
	for n%10 == 0 {
		n /= 10
		digits--
	}
	dst = append(dst, "0.00000000"[:2+digits]...)
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst, true
}

// appendExponent appends a number with an exponent, without the zero that strconv puts before an exponent of one
// digit.
func appendExponent(dst []byte, v float64) []byte {
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
