package scores

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Joiner joins Parquet files with one layout into one file. It copies row groups without decoding values, so it costs
// no more than copying the bytes. Parts of the other formats need no joiner: concatenated, they are one file.
type Joiner struct {
	layout Layout
	file   *parquet.GenericWriter[any]
	rows   int64
}

// NewJoiner begins the file. The layout is that of the parts, and its format is Parquet.
func (l Layout) NewJoiner(w io.Writer) (*Joiner, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if l.Format != Parquet {
		return nil, fmt.Errorf("%s is concatenated, not joined", l.Format)
	}
	return &Joiner{layout: l, file: l.newFile(w)}, nil
}

// Append adds the rows of a Parquet file of size bytes. It does not retain r.
func (j *Joiner) Append(r io.ReaderAt, size int64) (err error) {
	defer broken(&err)
	part, err := openTable(j.layout, r, size)
	if err != nil {
		return err
	}
	for _, group := range part.RowGroups() {
		n, err := j.file.WriteRowGroup(group)
		if err != nil {
			return fmt.Errorf("join scores: %w", err)
		}
		j.rows += n
	}
	return nil
}

// Rows returns the number of rows that were added.
func (j *Joiner) Rows() int64 { return j.rows }

// Close ends the file. It does not close the underlying writer.
func (j *Joiner) Close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("join scores: %w", err)
	}
	return nil
}
