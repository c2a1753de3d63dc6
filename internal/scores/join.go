package scores

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Joiner makes one Parquet of several that have the same layout. It copies their row groups as they are, without
// decoding a value, so that it costs what copying the bytes costs. The parts of the other formats are joined by putting
// one behind
// the other.
type Joiner struct {
	layout Layout
	file   *parquet.GenericWriter[any]
	rows   int64
}

// NewJoiner begins the file. It needs the layout of the parts, which is that of Parquet.
func (l Layout) NewJoiner(w io.Writer) (*Joiner, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if l.Format != Parquet {
		return nil, fmt.Errorf("%s is not joined but put together", l.Format)
	}
	return &Joiner{layout: l, file: l.newFile(w)}, nil
}

// Append adds the rows of a Parquet of size bytes. It is done with r when it returns.
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

// Rows is how many have been added.
func (j *Joiner) Rows() int64 { return j.rows }

// Close ends the file. It does not close the writer below.
func (j *Joiner) Close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("join scores: %w", err)
	}
	return nil
}
