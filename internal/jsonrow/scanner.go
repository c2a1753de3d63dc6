package jsonrow

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"iris/internal/literal"
)

// maxDepth limits the nesting of arrays and objects, so that a document cannot exhaust the stack.
const maxDepth = 1000

// Scanner reads a JSON document from left to right, by RFC 8259 to the letter, including UTF-8. It allocates errors
// only. Its methods return a *SyntaxError for a document that is not JSON.
type Scanner struct {
	Data   []byte
	Pos    int  // offset of the next byte
	Python bool // also accept NaN, Infinity and -Infinity, which Python writes
}

// Check returns the *SyntaxError of a whole document, or nil.
func Check(data []byte) error { return (&Scanner{Data: data}).check() }

// SyntaxFirst returns the syntax error of the whole document if it has one, else err: in a document that is not JSON,
// other mistakes do not matter.
func (s *Scanner) SyntaxFirst(err error) error {
	if syntax := (&Scanner{Data: s.Data, Python: s.Python}).check(); syntax != nil {
		return syntax
	}
	return err
}

// check reads the document from its start to its end.
func (s *Scanner) check() error {
	s.Space()
	if s.Pos == len(s.Data) {
		return s.fail("empty, want a value")
	}
	if err := s.Skip(0); err != nil {
		return err
	}
	return s.End()
}

func (s *Scanner) fail(reason string) error {
	return &SyntaxError{Offset: s.Pos, Reason: reason}
}

// unexpected is the error of a byte that the grammar does not allow here.
func (s *Scanner) unexpected(want string) error {
	if s.Pos >= len(s.Data) {
		return s.fail("the end, want " + want)
	}
	return s.fail(fmt.Sprintf("%q, want %s", s.Data[s.Pos], want))
}

// Peek returns the next byte, or 0 at the end.
func (s *Scanner) Peek() byte {
	if s.Pos < len(s.Data) {
		return s.Data[s.Pos]
	}
	return 0
}

// Space skips blanks.
func (s *Scanner) Space() {
	for s.Pos < len(s.Data) {
		switch s.Data[s.Pos] {
		case ' ', '\t', '\n', '\r':
			s.Pos++
		default:
			return
		}
	}
}

// End checks that only blanks are left.
func (s *Scanner) End() error {
	s.Space()
	if s.Pos < len(s.Data) {
		return s.unexpected("nothing after the value")
	}
	return nil
}

// Kind names the value that begins here, for an error text.
func (s *Scanner) Kind() string { return KindOf(s.Peek()) }

// KindOf names the value that begins with a byte, for an error text.
func KindOf(first byte) string {
	switch first {
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

// Member moves to the value of an object's next member and returns the member's name. ok is false after the end of the
// object. The scanner must be after '{', where first is true, or after a value.
func (s *Scanner) Member(first bool) (name Text, ok bool, err error) {
	s.Space()
	switch c := s.Peek(); {
	case c == '}':
		s.Pos++
		return name, false, nil
	case !first && c != ',':
		return name, false, s.unexpected(`"," or "}"`)
	case !first:
		s.Pos++
		s.Space()
	}
	if name, err = s.Text(); err != nil {
		return name, false, err
	}
	s.Space()
	if s.Peek() != ':' {
		return name, false, s.unexpected(`":"`)
	}
	s.Pos++
	s.Space()
	return name, true, nil
}

// Element moves to an array's next value. It returns false after the end of the array. The scanner must be after '[',
// where first is true, or after a value.
func (s *Scanner) Element(first bool) (bool, error) {
	s.Space()
	switch c := s.Peek(); {
	case c == ']':
		s.Pos++
		return false, nil
	case !first && c != ',':
		return false, s.unexpected(`"," or "]"`)
	case !first:
		s.Pos++
		s.Space()
	}
	return true, nil
}

// Elements reads an array that is the rest of the document. For each value it calls read, which reads the value, and
// then use. It returns how many values were used. An error of read gives way to a syntax error in the document; an
// error of use is returned unchanged.
func (s *Scanner) Elements(read func(number int) error, use func() error) (int, error) {
	s.Pos++
	for n := 0; ; n++ {
		more, err := s.Element(n == 0)
		switch {
		case err != nil:
		case more:
			err = read(n)
		default:
			err = s.End()
		}
		if err != nil {
			return n, s.SyntaxFirst(err)
		}
		if !more {
			return n, nil
		}
		if err := use(); err != nil {
			return n, err
		}
	}
}

// Text reads a string.
func (s *Scanner) Text() (Text, error) {
	if s.Peek() != '"' {
		return Text{}, s.unexpected("a string")
	}
	s.Pos++
	start, ascii, escaped := s.Pos, true, false
	for ; s.Pos < len(s.Data); s.Pos++ {
		switch c := s.Data[s.Pos]; {
		case c == '"':
			t := Text{span: s.Data[start:s.Pos], escaped: escaped}
			if !ascii && !utf8.Valid(t.span) {
				s.Pos = start
				return Text{}, s.fail("a string that is not UTF-8")
			}
			s.Pos++
			return t, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return Text{}, err
			}
		case c < ' ':
			return Text{}, s.unexpected("an escape in its place")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return Text{}, s.unexpected("a closing quote")
}

// escape checks an escape sequence and stops at its last byte.
func (s *Scanner) escape() error {
	s.Pos++
	if s.Peek() != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s.Peek()) < 0 {
			return s.unexpected("an escape")
		}
		return nil
	}
	for range 4 {
		s.Pos++
		if _, ok := hexDigit(s.Peek()); !ok {
			return s.unexpected("four hex digits")
		}
	}
	return nil
}

// Number reads a number. The value may be infinite.
func (s *Scanner) Number() (value float64, text []byte, err error) {
	rest := s.Data[s.Pos:]
	value, end, ok := literal.ParseNumber(rest, literal.JSON)
	s.Pos += end
	if !ok {
		return 0, nil, s.unexpected("a digit")
	}
	return value, rest[:end], nil
}

// NotFinite returns Python's word for a number that is not finite, if one begins here, or "".
func (s *Scanner) NotFinite() string {
	if c := s.Peek(); !s.Python || c != 'N' && c != 'I' && c != '-' {
		return ""
	}
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(s.Data[s.Pos:], []byte(word)) {
			return word
		}
	}
	return ""
}

// Skip reads any value. depth is the number of arrays and objects around it.
func (s *Scanner) Skip(depth int) error {
	if depth > maxDepth {
		return s.fail(fmt.Sprintf("nested more than %d deep", maxDepth))
	}
	switch c := s.Peek(); {
	case c == '{':
		s.Pos++
		for first := true; ; first = false {
			_, ok, err := s.Member(first)
			if err != nil || !ok {
				return err
			}
			if err := s.Skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '[':
		s.Pos++
		for first := true; ; first = false {
			ok, err := s.Element(first)
			if err != nil || !ok {
				return err
			}
			if err := s.Skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '"':
		_, err := s.Text()
		return err
	case s.NotFinite() != "":
		s.Pos += len(s.NotFinite())
		return nil
	case c == '-' || isDigit(c):
		_, _, err := s.Number()
		return err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.Data[s.Pos:], []byte(word)) {
			s.Pos += len(word)
			return nil
		}
	}
	return s.unexpected("a value")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
