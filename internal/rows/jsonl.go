package rows

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// jsonReader reads one JSON object per line.
type jsonReader struct {
	window

	features *jsonrow.Decoder
	keys     *jsonrow.Fields // nil if there are no key columns
	line     int64
}

// NewJSONL returns a reader of the lines of a shard whose first line has the given number.
func NewJSONL(r io.Reader, c Columns, line int64) Reader {
	reader := &jsonReader{window: window{r: r}, features: jsonrow.NewCellDecoder(c.Features, c.Cells), line: line}
	if len(c.Keys) > 0 {
		reader.keys = jsonrow.NewFields(c.Keys)
	}
	return reader
}

// Read implements Reader.
func (r *jsonReader) Read(b *Block) error {
	b.clear()
	if r.keys != nil {
		r.keys.Reset()
	}
	for !b.full() {
		p := r.rest()
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 && r.eof {
			n = len(p)
		}
		switch {
		case n > dataset.MaxRecord || n == 0 && len(p) >= dataset.MaxRecord:
			if !b.empty() {
				return nil
			}
			b.bad(r.line, "", dataset.LongRecord)
			_, lines, err := r.skip()
			if err != nil {
				return err
			}
			r.line += lines
			continue
		case n > 0:
			if emptyLine(p[:n], r.eof) < n {
				r.row(b, bytes.TrimRight(p[:n], "\r\n"))
			}
		case !b.empty():
			return nil
		case r.eof:
			return io.EOF
		default:
			if err := r.fill(); err != nil {
				return err
			}
			continue
		}
		r.pos += n
		r.line++
	}
	return nil
}

// row adds a line to the block, as a row or as a bad row.
func (r *jsonReader) row(b *Block, line []byte) {
	x, keys := b.next()
	err := r.features.DecodeRow(line, x)
	if err == nil && r.keys != nil {
		err = r.keys.Find(line, keys)
	}
	if err == nil {
		b.keep()
		return
	}
	var row *dataset.RowError
	if !errors.As(err, &row) {
		b.bad(r.line, "", err.Error())
		return
	}
	column := row.Column
	if name, ok := strings.CutPrefix(row.Pointer, "/"); ok {
		column = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	b.bad(r.line, column, row.Reason)
}
