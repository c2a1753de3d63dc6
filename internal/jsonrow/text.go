package jsonrow

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Text is a valid string of a JSON document.
type Text struct {
	span    []byte // between its quotes
	escaped bool   // has escapes
}

// Decode returns the value of the string. It uses buf if the string has escapes. An unpaired surrogate becomes U+FFFD,
// as in encoding/json.
func (t Text) Decode(buf []byte) []byte {
	span := t.span
	if !t.escaped {
		return span
	}
	for i := 0; i < len(span); i++ {
		if span[i] != '\\' {
			buf = append(buf, span[i])
			continue
		}
		i++
		switch c := span[i]; c {
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r := codeUnit(span[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				pair := utf8.RuneError
				if rest := span[i+1:]; len(rest) > 1 && rest[0] == '\\' && rest[1] == 'u' {
					pair = utf16.DecodeRune(r, codeUnit(rest[2:]))
				}
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			buf = utf8.AppendRune(buf, r)
		default: // a quote, a slash or a backslash
			buf = append(buf, c)
		}
	}
	return buf
}

// codeUnit returns the value of four valid hex digits.
func codeUnit(digits []byte) rune {
	var r rune
	for _, c := range digits[:4] {
		d, _ := hexDigit(c)
		r = r<<4 | d
	}
	return r
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10, true
	}
	return 0, false
}
