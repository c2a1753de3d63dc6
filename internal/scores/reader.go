package scores

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// Reader reads rows in order. Only one goroutine may use it.
type Reader struct {
	rows rowReader
	read int64
}

// rowReader reads the rows of a format: of lines, or of Parquet.
type rowReader interface {
	next(row *Row) (more bool, err error) // more is false after the last row
	skip(n int64) error                   // to the end if fewer rows are left
	offset() int64
	close() error
}

// NewLineReader returns a reader of CSV without a header, or of JSON Lines. It may begin at any row: see Offset.
func (l Layout) NewLineReader(r io.Reader) (*Reader, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if l.Format == Parquet {
		return nil, fmt.Errorf("%s does not consist of lines", l.Format)
	}
	return &Reader{rows: newLineReader(l, r)}, nil
}

// NewParquetReader returns a reader of a Parquet file of size bytes. The caller closes it.
func (l Layout) NewParquetReader(r io.ReaderAt, size int64) (*Reader, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if l.Format != Parquet {
		return nil, fmt.Errorf("%s is not %s", l.Format, Parquet)
	}
	rows, err := newTableReader(l, r, size)
	if err != nil {
		return nil, err
	}
	return &Reader{rows: rows}, nil
}

// Read reads the next row into row and reuses the slices of row. It returns io.EOF after the last row.
func (r *Reader) Read(row *Row) error {
	more, err := r.rows.next(row)
	switch {
	case err != nil:
		return fmt.Errorf("row %d of the scores: %w", r.read+1, err)
	case !more:
		return io.EOF
	}
	r.read++
	return nil
}

// Skip skips n rows, or all that are left. It does not read the rows of Parquet.
func (r *Reader) Skip(n int64) error {
	if err := r.rows.skip(n); err != nil {
		return fmt.Errorf("skip %d rows of the scores: %w", n, err)
	}
	r.read += n
	return nil
}

// Offset returns the length in bytes of the rows that were read or skipped: another reader may begin there. It is 0
// for Parquet.
func (r *Reader) Offset() int64 { return r.rows.offset() }

// Close releases what the reader holds. It does not close the underlying reader.
func (r *Reader) Close() error { return r.rows.close() }

// classIndex maps a class to its index.
type classIndex map[string]int

func indexOf(classes []string) classIndex {
	index := make(classIndex, len(classes))
	for i, class := range classes {
		index[class] = i
	}
	return index
}

func (c classIndex) of(label []byte) (int, error) {
	i, known := c[string(label)]
	if !known {
		return 0, fmt.Errorf("%.40q is not one of the classes", label)
	}
	return i, nil
}

// resize gives a row the lengths of a layout.
func (row *Row) resize(l Layout) {
	row.Keys = slices.Grow(row.Keys[:0], len(l.Keys))[:len(l.Keys)]
	row.Probabilities = row.Probabilities[:0]
	if l.Probabilities {
		row.Probabilities = slices.Grow(row.Probabilities, len(l.Classes))[:len(l.Classes)]
	}
}

// parseNumber reads a number that AppendNumber wrote.
func parseNumber(cell []byte) (float64, error) {
	v, err := strconv.ParseFloat(string(cell), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%.40q is not a finite number", cell)
	}
	return v, nil
}
