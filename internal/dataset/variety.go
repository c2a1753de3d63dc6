package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
)

// Different rows that a class must have. Equal rows are on one side of a split, so two are the least for a class with
// rows to train on and a row to test on. A cross-validation divides the rows to train on once more.
const (
	splitRows      = 2
	validationRows = 3
)

// Variety counts the different rows of each class of a dataset, as far as a training needs to know.
type Variety struct {
	schema Schema
	seed   maphash.Seed
	seen   []map[uint64]struct{} // by class: hashes of its rows, at most validationRows
	full   int                   // classes with validationRows
	row    []byte
}

// NewVariety returns a Variety that has seen no row.
func NewVariety(s Schema) *Variety {
	v := &Variety{schema: s, seed: maphash.MakeSeed(), seen: make([]map[uint64]struct{}, len(s.Classes))}
	for class := range v.seen {
		v.seen[class] = map[uint64]struct{}{}
	}
	return v
}

// errEnough ends a pass that has seen enough rows.
var errEnough = errors.New("every class has enough different rows")

// CheckVariety reads the rows of a CSV, until each class has enough different ones, and returns a *RowError if too few
// rows differ to train on some and to test on others. validated says that the rows to train on are also divided for a
// cross-validation. It takes the options of Read.
func CheckVariety(r io.Reader, o ScanOptions, validated bool) error {
	v := NewVariety(*o.Schema)
	err := Each(r, o, func(x []float64, class int) error {
		if v.Add(x, class); v.full == len(v.seen) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return v.Check(validated)
}

// Add counts a row.
func (v *Variety) Add(x []float64, class int) {
	rows := v.seen[class]
	if len(rows) == validationRows {
		return
	}
	v.row = v.row[:0]
	for _, value := range x {
		v.row = binary.LittleEndian.AppendUint64(v.row, math.Float64bits(value))
	}
	if rows[maphash.Bytes(v.seed, v.row)] = struct{}{}; len(rows) == validationRows {
		v.full++
	}
}

// Check returns a *RowError if no class has a row to test on. For a cross-validation of two classes, it also refuses a
// class with too few rows: some fold would train on one class only. With three or more classes, every fold still trains
// on two.
func (v *Variety) Check(validated bool) error {
	most := 0
	for i, class := range v.schema.Classes {
		rows := len(v.seen[i])
		most = max(most, rows)
		if validated && len(v.seen) == 2 && rows < validationRows {
			return &RowError{Column: v.schema.Label, Reason: fmt.Sprintf(
				"the class %s has too few different rows for a cross-validation: %d, want at least %d",
				Shown(class), rows, validationRows)}
		}
	}
	if most < splitRows {
		return &RowError{Reason: fmt.Sprintf(
			"no class has rows that differ: want at least %d different rows of a class, to train on one and test on the other",
			splitRows)}
	}
	return nil
}
