package dataset

import (
	"fmt"
	"io"
)

// Limits of a training's CSV. With MaxRecord and MaxColumns they keep memory independent of the number of rows.
const (
	defaultMaxBytes = 1 << 30 // of a file, unless ScanOptions sets another limit
	maxClasses      = 1000
	maxName         = 256 // bytes of a column name or a label
)

// guard passes a CSV on to encoding/csv while the CSV keeps the limits. encoding/csv buffers a whole record of any
// size, so guard finds the ends of records itself: a line feed outside quotes.
type guard struct {
	r   io.Reader
	max int64 // bytes of the file
	err error // once set, returned by every Read

	read    int64 // bytes passed on
	line    int   // lines begun
	quoted  bool  // inside quotes
	start   int64 // offset of the record's first byte
	first   int   // line of the record's first byte
	columns int   // cells of the record so far
}

func newGuard(r io.Reader, maxBytes int64) *guard {
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	return &guard{r: r, max: maxBytes, line: 1, first: 1, columns: 1}
}

// Read implements io.Reader. The bytes that it returns before an error are within the limits, so that mistakes in
// earlier lines are found first.
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

// check follows the records through p. It returns how much of p is within the limits, and what is wrong with the
// record after that.
func (g *guard) check(p []byte) (int, error) {
	begin := 0 // of the record, in p
	quoted, columns := g.quoted, g.columns
	for i, c := range p {
		switch c {
		case '"':
			quoted = !quoted
		case ',':
			if quoted {
				continue
			}
			if columns++; columns > MaxColumns {
				return begin, &RowError{Line: g.first, Reason: fmt.Sprintf("more than %d columns", MaxColumns)}
			}
		case '\n':
			g.line++
			if quoted {
				continue
			}
			if g.read+int64(i)-g.start > MaxRecord {
				return begin, g.tooLong()
			}
			begin, columns = i+1, 1
			g.start, g.first = g.read+int64(begin), g.line
		}
	}
	g.quoted, g.columns = quoted, columns
	if g.read+int64(len(p))-g.start > MaxRecord {
		return begin, g.tooLong()
	}
	return len(p), nil
}

func (g *guard) tooLong() error {
	return &RowError{Line: g.first, Reason: LongRecord}
}
