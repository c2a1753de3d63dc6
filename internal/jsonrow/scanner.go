package jsonrow

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"iris/internal/dataset"
)

// maxDepth of arrays and objects within each other, so that no document can
// exhaust the stack.
const maxDepth = 1000

// Scanner reads a JSON document from left to right, as far as rows need it:
// RFC 8259 to the letter, UTF-8 included. It allocates nothing but errors.
type Scanner struct {
	Data   []byte
	Pos    int  // of the next byte
	Python bool // also takes NaN, Infinity and -Infinity, which Python writes
}

// Check reports the *SyntaxError of a whole document, if it has one.
func Check(data []byte) error { return (&Scanner{Data: data}).Check() }

// check reports the *SyntaxError of the document that s is at the start of.
func (s *Scanner) Check() error {
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

// unexpected is the error of a byte that is not what the grammar wants here.
func (s *Scanner) unexpected(want string) error {
	if s.Pos >= len(s.Data) {
		return s.fail("the end, want " + want)
	}
	return s.fail(fmt.Sprintf("%q, want %s", s.Data[s.Pos], want))
}

// peek is the next byte, 0 at the end.
func (s *Scanner) Peek() byte {
	if s.Pos < len(s.Data) {
		return s.Data[s.Pos]
	}
	return 0
}

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

// end checks that nothing but blanks is left.
func (s *Scanner) End() error {
	s.Space()
	if s.Pos < len(s.Data) {
		return s.unexpected("nothing behind the value")
	}
	return nil
}

// kind names the value that begins here, for an error text.
func (s *Scanner) Kind() string {
	switch s.Peek() {
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

// element moves on to an array's next value, or returns false behind the
// array's end. The scanner is behind '[' or a value.
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

// text reads a string.
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
				return Text{}, s.fail("a string that isn't UTF-8")
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

// number reads a number. It may be infinite.
func (s *Scanner) Number() (value float64, literal []byte, err error) {
	rest := s.Data[s.Pos:]
	value, end, ok := dataset.ParseNumber(rest, dataset.JSONNumber)
	s.Pos += end
	if !ok {
		return 0, nil, s.unexpected("a digit")
	}
	return value, rest[:end], nil
}

// notFinite is the word of Python that begins here, for a number that JSON has
// none for; "" when there is none.
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

// skip reads any value; depth is how many arrays and objects it is in.
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
