package rows

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"iris/internal/dataset"
)

// parquetReader reads a range of rows of a Parquet file.
type parquetReader struct {
	file   *parquet.File
	leaves []leaf
	groups []parquet.RowGroup // not opened yet

	features int
	cells    *dataset.Cells // nil if all features are numbers
	skip     int64          // rows to skip in the next group
	in       int64          // rows left in the open group
	left     int64          // rows left in the range
	line     int64
	text     []byte // of the keys
	cell     []byte // of a feature
}

// NewParquet returns a reader of the rows of a shard. The caller closes it.
func NewParquet(r io.ReaderAt, size int64, c Columns, s Shard) (_ interface {
	Reader
	io.Closer
}, err error,
) {
	defer recovered(&err)
	f, leaves, err := openParquet(r, size, c)
	if err != nil {
		return nil, err
	}
	reader := &parquetReader{
		file:     f,
		leaves:   leaves,
		groups:   f.RowGroups(),
		features: len(c.Features),
		cells:    c.Cells,
		skip:     s.Offset,
		left:     s.Length,
		line:     s.Line,
	}
	for len(reader.groups) > 0 && reader.groups[0].NumRows() <= reader.skip {
		reader.skip -= reader.groups[0].NumRows()
		reader.groups = reader.groups[1:]
	}
	return reader, nil
}

// Close releases the open pages.
func (r *parquetReader) Close() (err error) {
	defer recovered(&err)
	for i := range r.leaves {
		l := &r.leaves[i]
		parquet.Release(l.page)
		l.page = nil
		if l.pages != nil {
			err = errors.Join(err, l.pages.Close())
			l.pages = nil
		}
	}
	return err
}

// Read implements Reader.
func (r *parquetReader) Read(b *Block) (err error) {
	defer recovered(&err)
	b.clear()
	r.text = r.text[:0]
	if r.left == 0 {
		return io.EOF
	}
	for r.in == 0 {
		if err := r.open(); err != nil {
			return unreadable(err)
		}
	}
	n := int(min(int64(b.limit), r.in, r.left))
	for i := range r.leaves {
		if err := r.leaves[i].read(n); err != nil {
			return unreadable(fmt.Errorf("column %q: %w", r.leaves[i].name, err))
		}
	}
	for i := range n {
		r.row(b, i)
		r.line++
	}
	r.in -= int64(n)
	r.left -= int64(n)
	return nil
}

// open opens the next row group.
func (r *parquetReader) open() error {
	if err := r.Close(); err != nil {
		return err
	}
	if len(r.groups) == 0 {
		return fmt.Errorf("it ends %d rows early", r.left)
	}
	group := r.groups[0]
	r.groups = r.groups[1:]
	r.in = group.NumRows() - r.skip
	for i := range r.leaves {
		l := &r.leaves[i]
		l.pages, l.values = group.ColumnChunks()[l.index].Pages(), nil
		if r.skip > 0 {
			if err := l.pages.SeekToRow(r.skip); err != nil {
				return err
			}
		}
	}
	r.skip = 0
	return nil
}

// row adds the values at index i of the buffers to the block, as a row or as a bad row.
func (r *parquetReader) row(b *Block, i int) {
	x, keys := b.next()
	for f := range r.features {
		v := r.leaves[f].buffer[i]
		if r.cells != nil {
			if reason := r.value(x, f, v); reason != "" {
				b.bad(r.line, r.leaves[f].name, reason)
				return
			}
			continue
		}
		if v.IsNull() {
			b.bad(r.line, r.leaves[f].name, "null, want a number")
			return
		}
		x[f] = r.leaves[f].float(v)
		if math.IsInf(x[f], 0) || math.IsNaN(x[f]) {
			b.bad(r.line, r.leaves[f].name, fmt.Sprintf("%v is not a finite number", x[f]))
			return
		}
	}
	for k := range keys {
		l := &r.leaves[r.features+k]
		v, from := l.buffer[i], len(r.text)
		var reason string
		if r.text, reason = l.append(r.text, v); reason != "" {
			b.bad(r.line, l.name, reason)
			return
		}
		keys[k] = r.text[from:len(r.text):len(r.text)]
	}
	b.keep()
}

// value reads a value of feature f with the cells into x. The reason says why the value is not one of the feature.
func (r *parquetReader) value(x []float64, f int, v parquet.Value) (reason string) {
	l, kind := &r.leaves[f], r.cells.Kind(f)
	switch {
	case v.IsNull():
		if reason = r.cells.Missing(x, f); reason != "" {
			reason = "null, want " + r.cells.Want(f)
		}
		return reason
	case l.kind == parquet.Boolean:
		return r.cells.Bool(x, f, v.Boolean())
	case l.plain && kind != dataset.Categorical && kind != dataset.Text:
		return r.cells.Number(x, f, l.float(v))
	}
	if r.cell, reason = l.text(r.cell[:0], v); reason != "" {
		return reason
	}
	if l.plain && kind == dataset.Categorical { // a number may be a level in another spelling, as 7.0 for 7
		if code, ok := r.cells.Level(f, r.cell); ok {
			x[f] = code
			return ""
		}
		return r.cells.Number(x, f, l.float(v))
	}
	return r.cells.Text(x, f, r.cell)
}
