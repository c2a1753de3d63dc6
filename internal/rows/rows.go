// Package rows reads the rows that a batch prediction scores, from CSV, JSON Lines or Parquet. It does not score them,
// and it does not know where the bytes are stored; package scores writes the results, in the same formats.
//
// Cut and CutParquet find shards, ranges of complete rows that can be read independently. A Reader reads the rows of
// one shard, block by block. Memory depends on the number of columns, not of rows. A row that cannot be scored is not
// an error: a Reader reports it as a Bad row.
//
// The CSV of a batch follows the rules of package dataset for records and cells. That package's comment says how it
// differs from the CSV of a training.
package rows

import (
	"path"
	"strings"

	"iris/internal/dataset"
	"iris/internal/scores"
)

// FormatOf returns the format of an object: the named one, or else the one of the key's extension, before .gz if the
// key ends in that. The default is CSV.
func FormatOf(name, key string) (scores.Format, error) {
	if name != "" {
		return scores.ParseFormat(name)
	}
	switch path.Ext(strings.TrimSuffix(strings.ToLower(key), ".gz")) {
	case ".jsonl", ".ndjson":
		return scores.JSONL, nil
	case ".parquet":
		return scores.Parquet, nil
	}
	return scores.CSV, nil
}

// Columns names the columns that make a row. A column may be both a feature and a key.
type Columns struct {
	Features []string `json:"features"`       // in the order of the model
	Keys     []string `json:"keys,omitempty"` // passed through unchanged

	Cells *dataset.Cells `json:"-"` // how values become numbers; nil if all features are numbers
}

// numeric reports whether feature i is a number.
func (c *Columns) numeric(i int) bool { return c.Cells == nil || c.Cells.Kind(i) == dataset.Numeric }

// cell reads the value of feature i from a cell of a CSV into x. The reason says what is wrong with the cell.
func (c *Columns) cell(x []float64, i int, cell []byte) (reason string) {
	if c.Cells == nil {
		x[i], reason = dataset.Cell(cell)
		return reason
	}
	return c.Cells.Text(x, i, cell)
}

// width returns the number of values in a row.
func (c *Columns) width() int {
	if c.Cells == nil {
		return len(c.Features)
	}
	return c.Cells.Width()
}

// Header says which cells of a CSV's rows hold the columns. The other formats name the columns of each row.
type Header struct {
	Cells    int   `json:"cells"` // number of cells in a row
	Features []int `json:"features"`
	Keys     []int `json:"keys,omitempty"`
}

// Shard is a range of complete rows of one object.
type Shard struct {
	Object int   `json:"object,omitempty"` // index among the objects of a batch
	Offset int64 `json:"offset"`           // in bytes, or in rows of a Parquet file
	Length int64 `json:"length"`           // in bytes, or in rows of a Parquet file
	Line   int64 `json:"line"`             // of the first row, as an editor counts; of Parquet the row, from 1
	Rows   int64 `json:"rows"`             // bad ones included
}

// Block is a group of rows. The next Read overwrites it.
type Block struct {
	Rows int       // number of good rows
	X    []float64 // values of the good rows, row by row
	Keys [][]byte  // key columns of the good rows, row by row
	Bad  []Bad

	width, keys, limit int
	x                  []float64
	k                  [][]byte
}

// Limits of a block: small enough for a CPU cache, large enough that the cost per block is negligible.
const (
	blockRows   = 1024
	blockValues = 1 << 16
)

// NewBlock returns a block for rows of these columns.
func NewBlock(c Columns) *Block {
	b := &Block{width: c.width(), keys: len(c.Keys)}
	b.limit = max(1, min(blockRows, blockValues/max(1, b.width+b.keys)))
	b.x, b.k = make([]float64, b.limit*b.width), make([][]byte, b.limit*b.keys)
	return b
}

// Capacity returns the maximum number of rows.
func (b *Block) Capacity() int { return b.limit }

func (b *Block) clear() {
	b.Rows, b.Bad = 0, b.Bad[:0]
	b.X, b.Keys = b.x[:0], b.k[:0]
}

// full reports whether the block has no room for another row.
func (b *Block) full() bool { return b.Rows+len(b.Bad) >= b.limit }

// empty reports whether the block has no rows, good or bad.
func (b *Block) empty() bool { return b.Rows+len(b.Bad) == 0 }

// next returns space for a row; keep adds that row to the block.
func (b *Block) next() (x []float64, keys [][]byte) {
	return b.x[b.Rows*b.width : (b.Rows+1)*b.width], b.k[b.Rows*b.keys : (b.Rows+1)*b.keys]
}

func (b *Block) keep() {
	b.Rows++
	b.X, b.Keys = b.x[:b.Rows*b.width], b.k[:b.Rows*b.keys]
}

func (b *Block) bad(line int64, column, reason string) {
	b.Bad = append(b.Bad, Bad{Line: line, Column: column, Reason: reason})
}

// Bad is a row that cannot be scored.
type Bad struct {
	Line   int64  // at which the row begins; of Parquet the number of the row, from 1
	Column string // "" if no single column is at fault
	Reason string
}

// Error describes the bad row in one line.
func (b Bad) Error() string {
	return (&dataset.RowError{Line: int(b.Line), Column: b.Column, Reason: b.Reason}).Error()
}

// Reader reads the rows of a shard in order. After the last row it returns io.EOF and an empty block.
type Reader interface {
	Read(*Block) error
}
