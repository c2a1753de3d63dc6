// Package rows reads the rows that a batch prediction scores, from CSV, JSON Lines or Parquet. It does not score them,
// and it does not know where the bytes are stored; package scores writes the results.
//
// Cut and CutParquet find shards, ranges of complete rows that can be read independently. A Reader reads the rows of
// one shard, block by block. Memory depends on the number of columns, not of rows. A row that cannot be scored is not
// an error: a Reader reports it as a Bad row.
//
// The CSV of a batch follows the rules of package dataset for records and cells. That package's comment says how it
// differs from the CSV of a training.
package rows

import (
	"fmt"
	"path"
	"strings"

	"iris/internal/dataset"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// FormatOf is the format of an object: the named one, or else what its key says, which may also end in .gz. A key that
// says nothing is CSV.
func FormatOf(name, key string) (Format, error) {
	switch f := Format(name); f {
	case CSV, JSONL, Parquet:
		return f, nil
	case "":
	default:
		return "", fmt.Errorf("%.40q is not a format: want csv, jsonl or parquet", name)
	}
	switch path.Ext(strings.TrimSuffix(strings.ToLower(key), ".gz")) {
	case ".jsonl", ".ndjson":
		return JSONL, nil
	case ".parquet":
		return Parquet, nil
	}
	return CSV, nil
}

// Columns says what a row is made of, by the names of columns. A column may be both.
type Columns struct {
	Features []string `json:"features"`       // numbers, in the order of the model
	Keys     []string `json:"keys,omitempty"` // passed through as they stand
}

// Header says where the columns lie in the rows of one object. It is of use for CSV alone: the others name the columns
// of each row.
type Header struct {
	Cells    int   `json:"cells"` // of a row
	Features []int `json:"features"`
	Keys     []int `json:"keys,omitempty"`
}

// Shard is a range of whole rows of one object.
type Shard struct {
	Object int   `json:"object,omitempty"` // which of the objects of a batch
	Offset int64 `json:"offset"`           // bytes; of Parquet: rows
	Length int64 `json:"length"`           // likewise
	Line   int64 `json:"line"`             // of its first row, as an editor counts; of Parquet: the row, from 1
	Rows   int64 `json:"rows"`             // in it, bad ones too
}

// Block is some rows. What it holds is overwritten by the next Read.
type Block struct {
	Rows int       // good ones
	X    []float64 // their features, row by row
	Keys [][]byte  // their key columns, row by row
	Bad  []Bad

	features, keys, most int
	x                    []float64
	k                    [][]byte
}

// Limits of a block: small enough for a cache, large enough that what is done once per block does not count.
const (
	blockRows   = 1024
	blockValues = 1 << 16
)

// NewBlock returns a block for rows of these columns.
func NewBlock(c Columns) *Block {
	b := &Block{features: len(c.Features), keys: len(c.Keys)}
	b.most = max(1, min(blockRows, blockValues/max(1, b.features)))
	b.x, b.k = make([]float64, b.most*b.features), make([][]byte, b.most*b.keys)
	return b
}

// Capacity is how many rows fit.
func (b *Block) Capacity() int { return b.most }

func (b *Block) clear() {
	b.Rows, b.Bad = 0, b.Bad[:0]
	b.X, b.Keys = b.x[:0], b.k[:0]
}

// full reports whether neither a good row nor a bad one fits any more.
func (b *Block) full() bool { return b.Rows+len(b.Bad) >= b.most }

// empty reports whether nothing has been read.
func (b *Block) empty() bool { return b.Rows+len(b.Bad) == 0 }

// next is room for a row; keep makes it the block's.
func (b *Block) next() (x []float64, keys [][]byte) {
	return b.x[b.Rows*b.features : (b.Rows+1)*b.features], b.k[b.Rows*b.keys : (b.Rows+1)*b.keys]
}

func (b *Block) keep() {
	b.Rows++
	b.X, b.Keys = b.x[:b.Rows*b.features], b.k[:b.Rows*b.keys]
}

func (b *Block) bad(line int64, column, reason string) {
	b.Bad = append(b.Bad, Bad{Line: line, Column: column, Reason: reason})
}

// Bad is a row that cannot be scored.
type Bad struct {
	Line   int64  // of its start; of Parquet: its number, from 1
	Column string // "" where no single one is to blame
	Reason string
}

// Error is the bad row in one line.
func (b Bad) Error() string {
	return (&dataset.RowError{Line: int(b.Line), Column: b.Column, Reason: b.Reason}).Error()
}

// Reader reads the rows of a shard in their order. It returns io.EOF, and an empty block, behind the last one.
type Reader interface {
	Read(*Block) error
}
