package dataset

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth of arrays and objects within each other, so that no document can
// exhaust the stack.
const maxDepth = 1000

// jsonScanner reads a JSON document from left to right, as far as rows need it:
// RFC 8259 to the letter, UTF-8 included. It allocates nothing but errors.
type jsonScanner struct {
	data   []byte
	pos    int
	python bool // also takes NaN, Infinity and -Infinity, which Python writes
}

// checkJSON reports the *SyntaxError of a whole document, if it has one.
func checkJSON(data []byte) error { return (&jsonScanner{data: data}).check() }

// check reports the *SyntaxError of the document that s is at the start of.
func (s *jsonScanner) check() error {
	s.space()
	if s.pos == len(s.data) {
		return s.fail("empty, want a value")
	}
	if err := s.skip(0); err != nil {
		return err
	}
	return s.end()
}

func (s *jsonScanner) fail(reason string) error {
	return &SyntaxError{Offset: s.pos, Reason: reason}
}

// unexpected is the error of a byte that is not what the grammar wants here.
func (s *jsonScanner) unexpected(want string) error {
	if s.pos >= len(s.data) {
		return s.fail("the end, want " + want)
	}
	return s.fail(fmt.Sprintf("%q, want %s", s.data[s.pos], want))
}

// peek is the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// end checks that nothing but blanks is left.
func (s *jsonScanner) end() error {
	s.space()
	if s.pos < len(s.data) {
		return s.unexpected("nothing behind the value")
	}
	return nil
}

// kind names the value that begins here, for an error text.
func (s *jsonScanner) kind() string {
	switch s.peek() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't':
		return "true"
	case 'f':
		return "false"
	case 'n':
		return "null"
	}
	return "a number"
}

// member moves on to the value of an object's next member and returns its name,
// or false behind the object's end. The scanner is behind '{' or a value.
func (s *jsonScanner) member(first bool) (name jsonText, ok bool, err error) {
	s.space()
	switch c := s.peek(); {
	case c == '}':
		s.pos++
		return name, false, nil
	case !first && c != ',':
		return name, false, s.unexpected(`"," or "}"`)
	case !first:
		s.pos++
		s.space()
	}
	if name, err = s.text(); err != nil {
		return name, false, err
	}
	s.space()
	if s.peek() != ':' {
		return name, false, s.unexpected(`":"`)
	}
	s.pos++
	s.space()
	return name, true, nil
}

// element moves on to an array's next value, or returns false behind the
// array's end. The scanner is behind '[' or a value.
func (s *jsonScanner) element(first bool) (bool, error) {
	s.space()
	switch c := s.peek(); {
	case c == ']':
		s.pos++
		return false, nil
	case !first && c != ',':
		return false, s.unexpected(`"," or "]"`)
	case !first:
		s.pos++
		s.space()
	}
	return true, nil
}

// text reads a string.
func (s *jsonScanner) text() (jsonText, error) {
	if s.peek() != '"' {
		return jsonText{}, s.unexpected("a string")
	}
	s.pos++
	start, ascii, escaped := s.pos, true, false
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			t := jsonText{span: s.data[start:s.pos], escaped: escaped}
			if !ascii && !utf8.Valid(t.span) {
				s.pos = start
				return jsonText{}, s.fail("a string that isn't UTF-8")
			}
			s.pos++
			return t, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return jsonText{}, err
			}
		case c < ' ':
			return jsonText{}, s.unexpected("an escape in its place")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return jsonText{}, s.unexpected("a closing quote")
}

// escape checks an escape sequence and stops at its last byte.
func (s *jsonScanner) escape() error {
	s.pos++
	if s.peek() != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s.peek()) < 0 {
			return s.unexpected("an escape")
		}
		return nil
	}
	for range 4 {
		s.pos++
		if _, ok := hexDigit(s.peek()); !ok {
			return s.unexpected("four hex digits")
		}
	}
	return nil
}

// number reads a number. It may be infinite.
func (s *jsonScanner) number() (value float64, literal []byte, err error) {
	rest := s.data[s.pos:]
	value, end, ok := parseNumber(rest, jsonNumber)
	s.pos += end
	if !ok {
		return 0, nil, s.unexpected("a digit")
	}
	return value, rest[:end], nil
}

// notFinite is the word of Python that begins here, for a number that JSON has
// none for; "" when there is none.
func (s *jsonScanner) notFinite() string {
	if c := s.peek(); !s.python || c != 'N' && c != 'I' && c != '-' {
		return ""
	}
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
			return word
		}
	}
	return ""
}

// skip reads any value; depth is how many arrays and objects it is in.
func (s *jsonScanner) skip(depth int) error {
	if depth > maxDepth {
		return s.fail(fmt.Sprintf("nested more than %d deep", maxDepth))
	}
	switch c := s.peek(); {
	case c == '{':
		s.pos++
		for first := true; ; first = false {
			_, ok, err := s.member(first)
			if err != nil || !ok {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '[':
		s.pos++
		for first := true; ; first = false {
			ok, err := s.element(first)
			if err != nil || !ok {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '"':
		_, err := s.text()
		return err
	case s.notFinite() != "":
		s.pos += len(s.notFinite())
		return nil
	case c == '-' || isDigit(c):
		_, _, err := s.number()
		return err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
			s.pos += len(word)
			return nil
		}
	}
	return s.unexpected("a value")
}
