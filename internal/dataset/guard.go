package dataset

import (
	"fmt"
	"io"
)

// Limits of a CSV, so that no file can take memory that grows with its rows.
const (
	defaultMaxBytes = 1 << 30 // of a file, unless ScanOptions says otherwise
	maxRecord       = 1 << 20 // bytes of one record, which quotes may stretch over many lines
	maxColumns      = 4096    // the class column included
	maxClasses      = 1000
	maxName         = 256 // bytes of a column name or a label
)

// guard hands a CSV on to encoding/csv as long as it keeps to the limits.
// encoding/csv holds a whole record in memory whatever its size, so guard looks
// for the ends of records itself: a line feed outside of quotes.
type guard struct {
	r   io.Reader
	max int64 // bytes of the file
	err error // once set, returned for ever

	read    int64 // bytes handed on
	line    int   // lines begun
	quoted  bool  // inside quotes
	start   int64 // offset of the record's first byte
	first   int   // its line
	columns int   // its cells so far
}

func newGuard(r io.Reader, maxBytes int64) *guard {
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	return &guard{r: r, max: maxBytes, line: 1, first: 1, columns: 1}
}

// Read implements io.Reader. What it returns before an error is within the
// limits, so that mistakes in earlier lines are still found first.
func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	if room := g.max - g.read; int64(n) > room {
		n = int(room)
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, g.max)
	}
	good, bad := g.check(p[:n])
	if bad != nil {
		err = bad
	}
	g.read += int64(good)
	g.err = err
	return good, err
}

// check follows the records through p. It returns how much of p is within the
// limits, and what is wrong with the record behind that.
func (g *guard) check(p []byte) (int, error) {
	begin := 0 // of the record, in p
	for i, c := range p {
		switch c {
		case '"':
			g.quoted = !g.quoted
		case ',':
			if g.quoted {
				continue
			}
			if g.columns++; g.columns > maxColumns {
				return begin, &RowError{Line: g.first, Reason: fmt.Sprintf("more than %d columns", maxColumns)}
			}
		case '\n':
			g.line++
			if g.quoted {
				continue
			}
			if g.read+int64(i)-g.start > maxRecord {
				return begin, g.tooLong()
			}
			begin = i + 1
			g.start, g.first, g.columns = g.read+int64(begin), g.line, 1
		}
	}
	if g.read+int64(len(p))-g.start > maxRecord {
		return begin, g.tooLong()
	}
	return len(p), nil
}

func (g *guard) tooLong() error {
	return &RowError{Line: g.first, Reason: fmt.Sprintf("more than %d bytes in one row: is a quote left open?", maxRecord)}
}
