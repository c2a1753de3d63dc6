package literal

import (
	"unicode"
	"unicode/utf8"
)

// ParseFormatted reads a number with a currency sign or code, a percent sign, or commas between groups of three digits.
// The number of 12% is 12.
func ParseFormatted(text []byte) (float64, bool) {
	text, negative := trimSign(text)
	text = trimUnit(text)
	if !negative {
		text, negative = trimSign(text) // $-5
	}
	var buf [64]byte
	digits, ok := appendUngrouped(buf[:0], text)
	if !ok {
		return 0, false
	}
	v, end, ok := ParseNumber(digits, CSV)
	if !ok || end != len(digits) || !IsFinite(v) || !IsDigit(text[0]) && text[0] != '.' {
		return 0, false
	}
	if negative && v != 0 {
		v = -v
	}
	return v, true
}

// trimSign removes a minus sign from the front.
func trimSign(text []byte) ([]byte, bool) {
	if len(text) > 0 && text[0] == '-' {
		return text[1:], true
	}
	return text, false
}

// trimUnit removes a currency sign or a code of three capitals before or after a number, or a percent sign after it,
// and the blanks between.
func trimUnit(text []byte) []byte {
	if r, size := utf8.DecodeRune(text); unicode.Is(unicode.Sc, r) {
		return Trim(text[size:])
	}
	if r, size := utf8.DecodeLastRune(text); unicode.Is(unicode.Sc, r) || r == '%' {
		return Trim(text[:len(text)-size])
	}
	const code = 3
	if n := len(text); n > code && isCurrencyCode(text[:code]) {
		return Trim(text[code:])
	} else if n > code && isCurrencyCode(text[n-code:]) {
		return Trim(text[:n-code])
	}
	return text
}

// isCurrencyCode reports whether a text is the code of a usual currency. Other capitals before a number make a code
// such as ABC123, which is a text.
func isCurrencyCode(text []byte) bool {
	switch string(text) {
	case "AED",
		"AUD",
		"BRL",
		"CAD",
		"CHF",
		"CLP",
		"CNY",
		"CZK",
		"DKK",
		"EUR",
		"GBP",
		"HKD",
		"HUF",
		"IDR",
		"ILS",
		"INR",
		"JPY",
		"KRW",
		"MXN",
		"MYR",
		"NOK",
		"NZD",
		"PHP",
		"PLN",
		"RON",
		"RUB",
		"SAR",
		"SEK",
		"SGD",
		"THB",
		"TRY",
		"TWD",
		"USD",
		"ZAR":
		return true
	}
	return false
}

// appendUngrouped appends a number without the commas between groups of three digits of its whole part. It reports
// false for commas elsewhere, and for a text without room in b or without characters.
func appendUngrouped(b, text []byte) ([]byte, bool) {
	if len(text) == 0 || len(text) > cap(b) {
		return nil, false
	}
	commas, group := 0, 0 // group: digits since the last comma
	for i, c := range text {
		switch {
		case c == ',' && group > 0 && group <= 3 && (commas == 0 || group == 3):
			commas, group = commas+1, 0
		case IsDigit(c):
			group++
			b = append(b, c)
		case c == ',' || commas > 0 && group != 3:
			return nil, false
		default:
			return append(b, text[i:]...), true
		}
	}
	return b, commas == 0 || group == 3
}
