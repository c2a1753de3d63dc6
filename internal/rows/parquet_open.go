package rows

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"iris/internal/dataset"
	"iris/internal/scores"
)

// parquetBuffer is the number of bytes of a column that one read fetches. Each read of an object store is a request.
const parquetBuffer = 1 << 20

// openParquet opens a file and finds its columns, features first.
func openParquet(r io.ReaderAt, size int64, c Columns) (*parquet.File, []leaf, error) {
	if err := scores.CheckFooter(readerAt{r}, size); err != nil {
		return nil, nil, unreadable(err)
	}
	f, err := parquet.OpenFile(readerAt{r}, size,
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
		parquet.OptimisticRead(true), parquet.ReadBufferSize(parquetBuffer))
	if err != nil {
		return nil, nil, unreadable(err)
	}
	leaves := make([]leaf, 0, len(c.Features)+len(c.Keys))
	for i, name := range slices.Concat(c.Features, c.Keys) {
		l, reason := findLeaf(f, name, i < len(c.Features) && c.Cells == nil)
		if reason != "" {
			return nil, nil, &dataset.RowError{Column: name, Reason: reason}
		}
		leaves = append(leaves, l)
	}
	return f, leaves, checkGroups(f, leaves)
}

// ParquetColumns returns the names of a file's columns in their order.
func ParquetColumns(r io.ReaderAt, size int64) (names []string, err error) {
	defer recovered(&err)
	f, _, err := openParquet(r, size, Columns{})
	if err != nil {
		return nil, err
	}
	for _, element := range topElements(f) {
		names = append(names, element.Name)
	}
	return names, nil
}

// topElements returns the columns of a file, which may be lists and groups.
func topElements(f *parquet.File) []*format.SchemaElement {
	schema := f.Metadata().Schema
	var top []*format.SchemaElement
	inside := 0 // elements that belong to the last column
	for i := 1; i < len(schema); i++ {
		if inside == 0 {
			top = append(top, &schema[i])
		} else {
			inside--
		}
		inside += int(schema[i].NumChildren.V)
	}
	return top
}

// findLeaf finds a column by name. The reason says why the column cannot be read, or, if it must be a number, why it is
// not.
func findLeaf(f *parquet.File, name string, number bool) (l leaf, reason string) {
	var element *format.SchemaElement
	for _, e := range topElements(f) {
		switch {
		case e.Name != name:
		case element != nil:
			return l, "appears twice"
		default:
			element = e
		}
	}
	if element == nil {
		return l, "is missing"
	}
	column, ok := f.Schema().Lookup(name)
	if !ok || column.MaxRepetitionLevel > 0 || !column.Node.Leaf() {
		return l, "is a list or a group"
	}
	l = leaf{name: name, index: column.ColumnIndex, kind: column.Node.Type().Kind()}
	l.text = textOf(l.kind, element)
	logical := column.Node.Type().LogicalType()
	integer, isInteger := logicalInteger(logical)
	l.unsigned = isInteger && !integer.IsSigned
	l.plain = l.number() && (logical == nil || isInteger)
	switch {
	case number && !l.number():
		return l, fmt.Sprintf("is %s, want a number", l.kind)
	case number && !l.plain:
		return l, fmt.Sprintf("is %s, want a number", logical)
	}
	return l, ""
}

// checkGroups refuses a file whose parts claim different numbers of rows, because the loops trust these numbers.
func checkGroups(f *parquet.File, leaves []leaf) error {
	left := f.NumRows()
	for _, group := range f.RowGroups() {
		rows := group.NumRows()
		same := rows >= 0 && rows <= left
		for _, l := range leaves {
			same = same && group.ColumnChunks()[l.index].NumValues() == rows
		}
		if !same {
			return unreadable(errors.New("its row groups do not have its rows"))
		}
		left -= rows
	}
	if left != 0 {
		return unreadable(errors.New("its row groups do not have its rows"))
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

// recovered turns a panic into an error: parquet-go does not expect every kind of damage to a file.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = unreadable(fmt.Errorf("%v", p))
	}
}

// unreadable is the error of a damaged file, which a retry does not repair. It returns an error of the reader
// unchanged.
func unreadable(err error) error {
	var broken *readError
	if errors.As(err, &broken) {
		return broken.error
	}
	return &dataset.RowError{Reason: fmt.Sprintf("not a readable Parquet file: %.200s", err)}
}

// readError marks an error of the reader of a Parquet file.
type readError struct{ error }

// readerAt marks the errors of its reader.
type readerAt struct{ io.ReaderAt }

func (r readerAt) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, offset)
	if err != nil && err != io.EOF { //nolint:errorlint // as in window.fill
		err = &readError{err}
	}
	return n, err
}
