package tablefile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"

	"iris/internal/dataset"
)

// decode returns a text in UTF-8 without byte order marks. A mark counts more than the option.
func (t *Reader) decode(in *bufio.Reader, option string) (*bufio.Reader, error) {
	var from encoding.Encoding
	t.found.Encoding = "utf-8"
	switch begin, _ := in.Peek(3); {
	case bytes.HasPrefix(begin, []byte(dataset.ByteOrderMark)):
	case bytes.HasPrefix(begin, []byte("\xff\xfe")):
		from, t.found.Encoding = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "utf-16le"
	case bytes.HasPrefix(begin, []byte("\xfe\xff")):
		from, t.found.Encoding = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf-16be"
	case option != "":
		var err error
		if from, t.found.Encoding, err = findEncoding(option); err != nil {
			return nil, err
		}
	default:
		if name := unmarkedUTF16(in); name != "" {
			return nil, &dataset.RowError{Line: 1, Reason: "every other byte is zero: say encoding=" + name}
		}
	}
	var text io.Reader
	if from != nil && t.found.Encoding != "utf-8" {
		t.found.Converted = true
		text = from.NewDecoder().Reader(in)
	} else {
		text = &utf8Reader{r: in}
	}
	out := bufio.NewReaderSize(text, sniffed)
	for range dataset.MaxMarks {
		if hasPrefix(out, dataset.ByteOrderMark) {
			t.found.Converted = true
			_, _ = out.Discard(len(dataset.ByteOrderMark)) // cannot fail: the bytes are in the buffer
		}
	}
	return out, nil
}

// unmarkedUTF16 returns the name of the encoding if the text looks like UTF-16 without a mark, else "".
func unmarkedUTF16(in *bufio.Reader) string {
	begin, _ := in.Peek(512)
	var zeros [2]int
	for i, c := range begin {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch half := len(begin) / 2; {
	case half == 0:
		return ""
	case zeros[1] > half*3/4 && zeros[0] == 0:
		return "utf-16le"
	case zeros[0] > half*3/4 && zeros[1] == 0:
		return "utf-16be"
	}
	return ""
}

// CheckUTF8 returns a reader of r that fails at the first byte that is not UTF-8, as Read of a Reader does.
func CheckUTF8(r io.Reader) io.Reader { return &utf8Reader{r: r} }

// utf8Reader passes on a text while it is UTF-8.
type utf8Reader struct {
	r     io.Reader
	lines int    // line feeds passed on
	tail  []byte // of the bytes passed on: the beginning of a character
	err   error
}

// Read implements io.Reader. The bytes before the first bad one are passed on, so that mistakes in earlier lines are
// found first.
func (u *utf8Reader) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.r.Read(p)
	good := u.check(p[:n])
	u.lines += bytes.Count(p[:good], []byte{'\n'})
	if good < n || err == io.EOF && len(u.tail) > 0 { //nolint:errorlint // not the end of a lost connection
		err = &dataset.RowError{Line: u.lines + 1, Reason: notUTF8}
	}
	u.err = err
	return good, err
}

const notUTF8 = "not UTF-8: name the encoding of the file, such as encoding=windows-1252, or save it as UTF-8"

// check returns how many bytes of p are the continuation of a text in UTF-8.
func (u *utf8Reader) check(p []byte) int {
	at := 0
	for len(u.tail) > 0 && at < len(p) {
		u.tail = append(u.tail, p[at])
		at++
		if !utf8.FullRune(u.tail) {
			continue
		}
		if r, size := utf8.DecodeRune(u.tail); r == utf8.RuneError && size == 1 {
			return at - 1
		}
		u.tail = u.tail[:0]
	}
	if utf8.Valid(p[at:]) {
		return len(p)
	}
	for at < len(p) {
		if p[at] < utf8.RuneSelf {
			at++
			continue
		}
		if !utf8.FullRune(p[at:]) {
			u.tail = append(u.tail[:0], p[at:]...)
			return len(p)
		}
		r, size := utf8.DecodeRune(p[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return at
}

// badText is the reason for bytes that the encoding of a file does not have. A decoder replaces them.
func badText(encoding string) string {
	return fmt.Sprintf("bytes that are not %s: say which encoding the file has", encoding)
}
