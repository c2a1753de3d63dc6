package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
)

// Split says which rows are held out of training. Membership is a function of
// the row alone: SHA-256 over the seed and the feature values gives each row a
// place on a line from 0 to 1, and the rows below TestSize are held out. Hence
// equal rows always fall on one side, whatever their class, and a row that was
// held out once is held out in every later dataset.
//
// The exception is Moved, which belongs to one dataset: rows that lie on the
// other side than their place says because some class would have no row there.
type Split struct {
	Seed     uint64  `json:"seed"`
	TestSize float64 `json:"test_size"` // the share held out, about; see CheckTestSize
	// Moved holds the hashes of those rows in hex, sorted.
	Moved []string `json:"moved,omitempty"`
}

// CheckTestSize refuses a share that isn't between 0 and 1, both exclusive.
func CheckTestSize(size float64) error {
	if size > 0 && size < 1 {
		return nil
	}
	return fmt.Errorf("is %v, want more than 0 and less than 1", size)
}

// HeldOut reports whether a row is kept from training. It takes features in
// schema order; -0 is 0. Up to 64 features it allocates nothing.
func (s Split) HeldOut(x []float64) bool {
	var buf [8 + 64*8]byte
	h, _ := s.hash(buf[:0], x)
	return s.heldOut(h)
}

// Rows lists the rows of a table on either side, each in table order.
func (s Split) Rows(t *Table) (train, test []int) {
	var buf []byte
	var h rowHash
	for i := range t.Rows() {
		h, buf = s.hash(buf, t.Row(i))
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

// hash is the identity of a row under this split's seed. Stored splits depend
// on it: it must never change. It works in buf, which it returns for the next
// row.
func (s Split) hash(buf []byte, x []float64) (rowHash, []byte) {
	buf = binary.LittleEndian.AppendUint64(buf[:0], s.Seed)
	for _, v := range x {
		if v == 0 {
			v = 0 // not -0
		}
		buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
	}
	sum := sha256.Sum256(buf)
	return rowHash(sum[:len(rowHash{})]), buf
}

// rowHash is the first half of a SHA-256, which is plenty to tell rows apart.
type rowHash [16]byte

// place is the row's place from 0 to 1, 1 exclusive: the first 53 bits, which a
// float64 holds exactly. Hashes in bytewise order are in the order of places.
func (h rowHash) place() float64 {
	return float64(binary.BigEndian.Uint64(h[:8])>>11) / (1 << 53)
}

func (h rowHash) compare(o rowHash) int { return bytes.Compare(h[:], o[:]) }
