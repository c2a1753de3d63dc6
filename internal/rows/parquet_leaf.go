package rows

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// leaf is a column of a Parquet file and the state of reading it.
type leaf struct {
	name     string
	index    int
	kind     parquet.Kind
	unsigned bool
	plain    bool // a number of no logical type but an integer
	text     textWriter

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
}

// number reports whether the column holds numbers.
func (l *leaf) number() bool {
	return l.kind == parquet.Double || l.kind == parquet.Float || l.kind == parquet.Int32 || l.kind == parquet.Int64
}

// read reads the next n values into the buffer.
func (l *leaf) read(n int) error {
	if cap(l.buffer) < n {
		l.buffer = make([]parquet.Value, n)
	}
	l.buffer = l.buffer[:n]
	for got := 0; got < n; {
		if l.values == nil {
			page, err := l.pages.ReadPage()
			if err != nil {
				return err
			}
			parquet.Release(l.page)
			l.page, l.values = page, page.Values()
		}
		m, err := l.values.ReadValues(l.buffer[got:])
		if !l.number() {
			for i := range l.buffer[got : got+m] { // the page is released later
				l.buffer[got+i] = l.buffer[got+i].Clone()
			}
		}
		got += m
		switch {
		case err == io.EOF: //nolint:errorlint // an error of ReadValues, not of the reader
			l.values = nil
		case err != nil:
			return err
		case m == 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

// float returns a value as a model's input.
func (l *leaf) float(v parquet.Value) float64 {
	switch {
	case l.kind == parquet.Double:
		return v.Double() + 0 // adding 0 turns -0 into 0
	case l.kind == parquet.Float:
		return float64(v.Float()) + 0
	case l.kind == parquet.Int32 && l.unsigned:
		return float64(v.Uint32())
	case l.kind == parquet.Int32:
		return float64(v.Int32())
	case l.unsigned:
		return float64(v.Uint64())
	default:
		return float64(v.Int64())
	}
}

// append appends a key as text. A null is "". The reason says why a value has no text.
func (l *leaf) append(to []byte, v parquet.Value) (_ []byte, reason string) {
	if v.IsNull() {
		return to, ""
	}
	return l.text(to, v)
}
