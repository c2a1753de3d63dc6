package tablefile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"

	"iris/internal/dataset"
	"iris/internal/rows"
)

const parquetMagic = "PAR1"

// isParquet tells by the name or the type, or else by the first bytes, whether a file is Parquet. A name of a column
// may begin with the magic, but the byte after the magic is not text.
func isParquet(in *bufio.Reader, o Options) bool {
	if path.Ext(o.Name) == ".parquet" || o.MediaType == "application/vnd.apache.parquet" {
		return true
	}
	begin, _ := in.Peek(len(parquetMagic) + 1)
	return len(begin) > len(parquetMagic) && hasPrefix(in, parquetMagic) && begin[len(parquetMagic)] == 0x15
}

// openParquet stores the file for a while, because its schema is at its end.
func (t *Reader) openParquet(in io.Reader) error {
	t.found.Format, t.found.Converted, t.header = Parquet, true, true
	file, size, err := t.spool(in)
	if err != nil {
		return err
	}
	p := &parquetRows{lines: &t.lines, csvLine: 1}
	if p.columns.Keys, err = rows.ParquetColumns(file, size); err != nil {
		return err //nolint:wrapcheck // a *dataset.RowError
	}
	if len(p.columns.Keys) > dataset.MaxColumns {
		return &dataset.RowError{Reason: fmt.Sprintf("more than %d columns", dataset.MaxColumns)}
	}
	if err := p.open(file, size); err != nil {
		return err //nolint:wrapcheck // a *dataset.RowError
	}
	t.closers = append([]io.Closer{p.in}, t.closers...)
	p.block = rows.NewBlock(p.columns)
	t.r = &rowReader{next: p.next}
	return nil
}

// parquetRows converts the rows of a Parquet file.
type parquetRows struct {
	columns rows.Columns
	in      interface {
		rows.Reader
		io.Closer
	}
	block *rows.Block
	begun bool // the header has been written

	row     int // of the file, read last
	csvLine int // of the next record in the CSV
	lines   *lineMap
}

// open opens all rows of the file as one shard.
func (p *parquetRows) open(file *os.File, size int64) error {
	cuts, err := rows.CutParquet(file, size, p.columns, 1, 0)
	if err != nil {
		return err //nolint:wrapcheck // a *dataset.RowError
	}
	all := rows.Shard{Line: 1, Length: cuts.Rows, Rows: cuts.Rows}
	p.in, err = rows.NewParquet(file, size, p.columns, all)
	return err //nolint:wrapcheck // as above
}

// next appends the header or the next rows.
func (p *parquetRows) next(to []byte) ([]byte, error) {
	if !p.begun {
		p.begun = true
		to = appendRow(to, p.columns.Keys)
		p.csvLine += bytes.Count(to, []byte{'\n'})
		return to, nil
	}
	if err := p.in.Read(p.block); err != nil {
		return to, err //nolint:wrapcheck // io.EOF or a *dataset.RowError
	}
	width := len(p.columns.Keys)
	for i := range p.block.Rows {
		from := len(to)
		p.row++
		p.lines.add(p.csvLine, p.row)
		to = appendRow(to, p.block.Keys[i*width:(i+1)*width])
		p.csvLine += bytes.Count(to[from:], []byte{'\n'})
	}
	for _, bad := range p.block.Bad {
		return to, &dataset.RowError{Line: int(bad.Line), Column: bad.Column, Reason: bad.Reason}
	}
	return to, nil
}
