package rows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"iris/internal/dataset"
)

// parquetBuffer is how much of a column is read at once; of a store in the network, what one request asks for.
const parquetBuffer = 1 << 20

// CutParquet finds the row groups of a Parquet file and makes shards of about target rows of them, more where they
// would be over most+1 otherwise: small groups are put together, large ones are divided.
func CutParquet(r io.ReaderAt, size int64, c Columns, target, most int64) (_ Cuts, err error) {
	defer recovered(&err)
	f, _, err := openParquet(r, size, c)
	if err != nil {
		return Cuts{}, err
	}
	cuts := Cuts{Rows: f.NumRows()}
	if cuts.Rows == 0 {
		return Cuts{}, ErrNoRows
	}
	if most <= 0 {
		target = cuts.Rows
	} else {
		target = max(target, 2*cuts.Rows/most+1)
	}
	var first int64
	add := func(rows int64) {
		cuts.Shards = append(cuts.Shards, Shard{Offset: first, Length: rows, Line: first + 1, Rows: rows})
		first += rows
	}
	var pending int64
	for _, group := range f.RowGroups() {
		rows := group.NumRows()
		if pending > 0 && pending+rows > target {
			add(pending)
			pending = 0
		}
		pieces := max(1, (rows+target/2)/target)
		if pieces == 1 {
			pending += rows
			continue
		}
		for i := range pieces {
			add(rows*(i+1)/pieces - rows*i/pieces)
		}
	}
	if pending > 0 {
		add(pending)
	}
	return cuts, nil
}

// recovered makes an error of a panic: parquet-go does not expect every kind of damage that a file can have.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = unreadable(fmt.Errorf("%v", p))
	}
}

// unreadable is the error of a file that no retry makes a Parquet file. What went wrong with the reader stays what it
// is.
func unreadable(err error) error {
	var broken *readError
	if errors.As(err, &broken) {
		return broken.error
	}
	return &dataset.RowError{Reason: fmt.Sprintf("not a Parquet file that can be read: %.200s", err)}
}

// readError marks an error of the reader below a Parquet file.
type readError struct{ error }

// readerAt marks the errors of a reader.
type readerAt struct{ io.ReaderAt }

func (r readerAt) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, offset)
	if err != nil && err != io.EOF { //nolint:errorlint // as in window.fill
		err = &readError{err}
	}
	return n, err
}

// openParquet opens a file and finds the columns, features first.
func openParquet(r io.ReaderAt, size int64, c Columns) (*parquet.File, []leaf, error) {
	if err := checkFooter(r, size); err != nil {
		return nil, nil, unreadable(err)
	}
	f, err := parquet.OpenFile(
		readerAt{r},
		size,
		parquet.SkipPageIndex(
			true,
		),
		parquet.SkipBloomFilters(true),
		parquet.OptimisticRead(true),
		parquet.ReadBufferSize(parquetBuffer),
	)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	leaves := make([]leaf, 0, len(c.Features)+len(c.Keys))
	for i, name := range append(append([]string(nil), c.Features...), c.Keys...) {
		column, ok := f.Schema().Lookup(name)
		reason := ""
		l := leaf{name: name, index: column.ColumnIndex}
		switch {
		case !ok:
			reason = "is missing"
		case column.MaxRepetitionLevel > 0 || !column.Node.Leaf():
			reason = "is a list or a group"
		default:
			l.kind, l.unsigned = column.Node.Type().Kind(), false
			logical := column.Node.Type().LogicalType()
			if integer, ok := logicalInteger(logical); ok {
				l.unsigned = !integer.IsSigned
			} else if logical != nil && i < len(c.Features) {
				reason = fmt.Sprintf("is %s, want a number", logical)
			}
			if i < len(c.Features) && !l.number() {
				reason = fmt.Sprintf("is %s, want a number", l.kind)
			}
		}
		if reason != "" {
			return nil, nil, &dataset.RowError{Column: name, Reason: reason}
		}
		leaves = append(leaves, l)
	}
	return f, leaves, checkGroups(f, leaves)
}

// checkGroups refuses a file whose parts say different numbers of rows: they are what loops go by.
func checkGroups(f *parquet.File, leaves []leaf) error {
	left := f.NumRows()
	for _, group := range f.RowGroups() {
		rows := group.NumRows()
		same := rows >= 0 && rows <= left
		for _, l := range leaves {
			same = same && group.ColumnChunks()[l.index].NumValues() == rows
		}
		if !same {
			return unreadable(errors.New("its row groups are not its rows"))
		}
		left -= rows
	}
	if left != 0 {
		return unreadable(errors.New("its row groups are not its rows"))
	}
	return nil
}

// checkFooter refuses a file whose footer is longer than the file: parquet-go would make room for what it says.
func checkFooter(r io.ReaderAt, size int64) error {
	const magic, around = "PAR1", 2*len("PAR1") + 4 // one at each end, and the length
	var end [8]byte
	if size < int64(around) {
		return errors.New("it is too short")
	}
	if n, err := (readerAt{r}).ReadAt(end[:], size-int64(len(end))); n < len(end) {
		return err
	}
	if string(end[4:]) != magic || int64(binary.LittleEndian.Uint32(end[:])) > size-int64(around) {
		return errors.New("it has no footer, or is cut off")
	}
	return nil
}

func logicalInteger(t *format.LogicalType) (*format.IntType, bool) {
	if t == nil {
		return nil, false
	}
	integer, ok := t.Value.(*format.IntType)
	return integer, ok
}

// leaf is a column that is read.
type leaf struct {
	name     string
	index    int
	kind     parquet.Kind
	unsigned bool

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
}

func (l *leaf) number() bool {
	return l.kind == parquet.Double || l.kind == parquet.Float || l.kind == parquet.Int32 || l.kind == parquet.Int64
}

// parquetReader reads a range of rows.
type parquetReader struct {
	file   *parquet.File
	leaves []leaf
	groups []parquet.RowGroup // that are left

	features int
	skip     int64 // rows of the first group left
	in       int64 // rows left in the group that is open
	left     int64 // rows
	line     int64
	text     []byte // of keys
}

// NewParquet returns a reader of the rows of a shard. Closing it gives back what it holds.
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

// Close gives back what is open.
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
	n := int(min(int64(b.most), r.in, r.left))
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

// open goes on to the next row group.
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

// read fills the buffer with the next n values.
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
			for i := range l.buffer[got : got+m] { // of a page that is given back
				l.buffer[got+i] = l.buffer[got+i].Clone()
			}
		}
		got += m
		switch {
		case err == io.EOF: //nolint:errorlint // of ReadValues, not of the reader
			l.values = nil
		case err != nil:
			return err
		case m == 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

// row makes a row of the values at a place of the buffers, or a bad one.
func (r *parquetReader) row(b *Block, i int) {
	x, keys := b.next()
	for f := range r.features {
		v := r.leaves[f].buffer[i]
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
		r.text = l.append(r.text, v)
		keys[k] = r.text[from:len(r.text):len(r.text)]
	}
	b.keep()
}

// float is a number as a model takes it.
func (l *leaf) float(v parquet.Value) float64 {
	switch {
	case l.kind == parquet.Double:
		return v.Double() + 0 // 0 for -0, as everywhere
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

// append writes a key as text; null is "".
func (l *leaf) append(to []byte, v parquet.Value) []byte {
	switch {
	case v.IsNull():
		return to
	case l.kind == parquet.Int32 && l.unsigned:
		return strconv.AppendUint(to, uint64(v.Uint32()), 10)
	case l.kind == parquet.Int64 && l.unsigned:
		return strconv.AppendUint(to, v.Uint64(), 10)
	case l.kind == parquet.Int32:
		return strconv.AppendInt(to, int64(v.Int32()), 10)
	case l.kind == parquet.Int64:
		return strconv.AppendInt(to, v.Int64(), 10)
	case l.kind == parquet.ByteArray, l.kind == parquet.FixedLenByteArray:
		return append(to, v.ByteArray()...)
	default:
		return append(to, v.String()...)
	}
}
