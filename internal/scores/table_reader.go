package scores

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
)

// tableReader reads the Parquet files that table writes.
type tableReader struct {
	layout  Layout
	classes classIndex
	groups  []parquet.RowGroup // not opened yet
	rows    parquet.Rows       // of the open group, or nil
	at      int64              // in the open group, the next row that is not in ready
	size    int64              // of the open group, in rows
	buffer  []parquet.Row
	ready   []parquet.Row // decoded rows in buffer
}

// readAhead is the number of rows that are decoded together.
const readAhead = 64

func newTableReader(l Layout, r io.ReaderAt, size int64) (_ *tableReader, err error) {
	defer broken(&err)
	file, err := openTable(l, r, size)
	if err != nil {
		return nil, err
	}
	return &tableReader{
		layout:  l,
		classes: indexOf(l.Classes),
		groups:  file.RowGroups(),
		buffer:  make([]parquet.Row, readAhead),
	}, nil
}

// openTable opens a Parquet file with the columns of a layout.
func openTable(l Layout, r io.ReaderAt, size int64) (*parquet.File, error) {
	if err := CheckFooter(r, size); err != nil {
		return nil, fmt.Errorf("read scores: %w", err)
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read scores: %w", err)
	}
	if want := l.schema(); !parquet.EqualNodes(want, file.Schema()) {
		return nil, fmt.Errorf("read scores: the columns are %v, want %v", file.Schema(), want)
	}
	return file, nil
}

// CheckFooter refuses a Parquet file whose footer claims to be longer than the file: parquet-go would allocate that
// length.
func CheckFooter(r io.ReaderAt, size int64) error {
	const magic, around = "PAR1", 2*len("PAR1") + 4 // a magic at each end, and the length
	var end [8]byte
	if size < int64(around) {
		return errors.New("too short for a Parquet file")
	}
	if n, err := r.ReadAt(end[:], size-int64(len(end))); n < len(end) {
		return fmt.Errorf("read the footer: %w", err)
	}
	if string(end[4:]) != magic || int64(binary.LittleEndian.Uint32(end[:])) > size-int64(around) {
		return errors.New("without a footer: not a Parquet file, or truncated")
	}
	return nil
}

// broken turns a panic into an error: parquet-go treats an inconsistent file as a mistake of its caller.
func broken(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("read scores: not a Parquet file of scores: %v", v)
	}
}

func (*tableReader) offset() int64 { return 0 }

func (r *tableReader) close() error {
	rows := r.rows
	r.rows, r.groups, r.ready, r.at, r.size = nil, nil, nil, 0, 0
	if rows == nil {
		return nil
	}
	return rows.Close()
}

// begin opens the next row group with rows. more is false after the last one.
func (r *tableReader) begin() (more bool, err error) {
	if r.rows != nil {
		if err := r.rows.Close(); err != nil {
			return false, err
		}
		r.rows = nil
	}
	for r.at, r.size = 0, 0; r.size == 0; {
		if len(r.groups) == 0 {
			return false, nil
		}
		r.size = r.groups[0].NumRows()
		r.rows, r.groups = r.groups[0].Rows(), r.groups[1:]
	}
	return true, nil
}

func (r *tableReader) skip(n int64) (err error) {
	defer broken(&err)
	buffered := min(n, int64(len(r.ready)))
	r.ready, n = r.ready[buffered:], n-buffered
	for n > 0 {
		if r.at == r.size {
			if more, err := r.begin(); err != nil || !more {
				return err
			}
		}
		step := min(n, r.size-r.at)
		r.at, n = r.at+step, n-step
		if r.at < r.size {
			if err := r.rows.SeekToRow(r.at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *tableReader) next(row *Row) (more bool, err error) {
	defer broken(&err)
	if len(r.ready) == 0 {
		if more, err := r.fill(); err != nil || !more {
			return false, err
		}
	}
	values := r.ready[0]
	r.ready = r.ready[1:]
	row.resize(r.layout)
	keys := len(row.Keys)
	if want := keys + 1 + len(row.Probabilities); len(values) != want {
		return false, fmt.Errorf("%d values, want %d", len(values), want)
	}
	for i := range row.Keys {
		row.Keys[i] = string(values[i].ByteArray())
	}
	if row.Label, err = r.classes.of(values[keys].ByteArray()); err != nil {
		return false, err
	}
	for i := range row.Probabilities {
		v := values[keys+1+i].Double()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false, fmt.Errorf("a probability is %v", v)
		}
		row.Probabilities[i] = v
	}
	return true, nil
}

// fill decodes the next rows. more is false if none are left.
func (r *tableReader) fill() (more bool, err error) {
	if r.at == r.size {
		if more, err := r.begin(); err != nil || !more {
			return false, err
		}
	}
	n, err := r.rows.ReadRows(r.buffer)
	if errors.Is(err, io.EOF) {
		err = nil // rows may come with it
	}
	if err == nil && (n == 0 || r.at+int64(n) > r.size) {
		err = errors.New("a row group does not have the number of rows that it claims")
	}
	if err != nil {
		return false, err
	}
	r.ready, r.at = r.buffer[:n], r.at+int64(n)
	return true, nil
}
