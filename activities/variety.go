package activities

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"iris/internal/dataset"
)

// Different rows that a class must have. Equal rows are on one side of a split, so two are the least for a class with
// rows to train on and a row to test on. A cross-validation divides the rows to train on once more.
const (
	splitRows      = 2
	validationRows = 3
)

// variety counts the different rows of each class, up to validationRows.
type variety struct {
	seed maphash.Seed
	seen map[string][]uint64 // class -> hashes of its rows
	row  []byte
}

func newVariety() *variety { return &variety{seed: maphash.MakeSeed(), seen: map[string][]uint64{}} }

// add is a Row of dataset.ScanOptions.
func (v *variety) add(x []float64, class string) error {
	rows := v.seen[class]
	if len(rows) == validationRows {
		return nil
	}
	v.row = v.row[:0]
	for _, value := range x {
		if value == 0 {
			value = 0 // not -0
		}
		v.row = binary.LittleEndian.AppendUint64(v.row, math.Float64bits(value))
	}
	if hash := maphash.Bytes(v.seed, v.row); !slices.Contains(rows, hash) {
		v.seen[class] = append(rows, hash)
	}
	return nil
}

// check refuses a dataset that leaves no row to test on, or of two classes, one of which has too few rows for a
// cross-validation. Of more classes, two are left in every fold.
func (v *variety) check(s dataset.Schema, validated bool) error {
	most := 0
	for _, class := range s.Classes {
		rows := len(v.seen[class])
		most = max(most, rows)
		if validated && len(s.Classes) == 2 && rows < validationRows {
			return &dataset.RowError{Column: s.Label, Reason: fmt.Sprintf(
				"the class %s has too few different rows for a cross-validation: %d, want at least %d",
				dataset.Shown(class), rows, validationRows)}
		}
	}
	if most < splitRows {
		return &dataset.RowError{Reason: fmt.Sprintf(
			"no class has rows that differ: want at least %d different rows of a class, to train on one and test on the other",
			splitRows)}
	}
	return nil
}
