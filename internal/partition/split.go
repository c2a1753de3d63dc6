// Package partition divides the rows of a table: into rows for training and held-out rows, into folds, and into
// samples.
// Equal rows stay together, and where a row goes depends on the row and the seed alone.
package partition

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"iris/internal/dataset"
)

// Split says which rows are held out of training. Membership depends on the row alone: SHA-256 of the seed and the
// feature values places each row between 0 and 1, and a row below TestSize is held out. Equal rows are therefore on
// one side, whatever their class, and a row that was held out once is held out in every later dataset.
//
// Moved lists the exceptions, which belong to one dataset: rows on the other side, because otherwise some class would
// have no row there.
type Split struct {
	Seed     uint64  `json:"seed"`
	TestSize float64 `json:"test_size"` // about the share of rows to hold out; see CheckTestSize
	// Moved holds the hashes of the moved rows in hexadecimal, sorted.
	Moved []string `json:"moved,omitempty"`
}

// CheckTestSize refuses a share that is not between 0 and 1, both exclusive.
func CheckTestSize(size float64) error {
	if size > 0 && size < 1 {
		return nil
	}
	return fmt.Errorf("is %v, want more than 0 and less than 1", size)
}

// HeldOut reports whether a row of numbers is held out of training. It takes the features in schema order, and -0 as 0.
// It allocates nothing for up to 64 features.
func (s Split) HeldOut(x []float64) bool {
	var buf [8 + 64*8]byte
	h, _ := s.hash(buf[:0], x, identity{})
	return s.heldOut(h)
}

// Of returns HeldOut for the rows of a schema. The function serves one goroutine.
func (s Split) Of(schema dataset.Schema) func(x []float64) bool {
	d := identityOf(&schema)
	var buf []byte
	return func(x []float64) bool {
		var h rowHash
		h, buf = s.hash(buf, x, d)
		return s.heldOut(h)
	}
}

// Rows lists the rows of a table on each side, in table order.
func (s Split) Rows(t *dataset.Table) (train, test []int) {
	var buf []byte
	var h rowHash
	d := identityOf(&t.Schema)
	for i := range t.Rows() {
		h, buf = s.hash(buf, t.Row(i), d)
		if s.heldOut(h) {
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	return train, test
}

func (s Split) heldOut(h rowHash) bool {
	held := h.place() < s.TestSize
	if len(s.Moved) == 0 {
		return held
	}
	var text [2 * len(h)]byte
	hex.Encode(text[:], h[:])
	if _, moved := slices.BinarySearch(s.Moved, string(text[:])); moved {
		return !held
	}
	return held
}

// hash identifies a row under the seed of the split. It must never change, because stored splits depend on it. It uses
// buf as scratch space and returns it for the next row.
func (s Split) hash(buf []byte, x []float64, d identity) (rowHash, []byte) {
	buf = binary.LittleEndian.AppendUint64(buf[:0], s.Seed)
	if d.features > 0 {
		x = x[:d.features]
	}
	for i, v := range x {
		buf = binary.LittleEndian.AppendUint64(buf, d.bits(i, v))
	}
	sum := sha256.Sum256(buf)
	return rowHash(sum[:len(rowHash{})]), buf
}

// rowHash is the first half of a SHA-256, which is enough to distinguish rows.
type rowHash [16]byte

// place returns a number from 0 to 1, 1 exclusive: the first 53 bits, which a float64 holds exactly. The bytewise
// order of hashes is the order of their places.
func (h rowHash) place() float64 {
	return float64(binary.BigEndian.Uint64(h[:8])>>11) / (1 << 53)
}

func (h rowHash) compare(o rowHash) int { return bytes.Compare(h[:], o[:]) }
