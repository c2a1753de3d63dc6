package partition

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"iris/internal/dataset"
)

// identity tells what the values of a row stand for, whatever their codes are. The codes of a level differ between the
// schemas of two datasets, but a row that is in both must have one hash: a row that was held out stays held out.
//
// A number stands for itself, as the bits of its float64, with 0 for -0. A level stands for the first 8 bytes of the
// SHA-256 of its text, all other texts for those of an empty text, and a missing value for one NaN. A free text stands
// for its identity alone.
type identity struct {
	features int        // values of a row that count; 0 for all
	levels   [][]uint64 // per feature and code; nil for a schema without categorical features
}

var (
	missingBits = math.Float64bits(math.NaN())
	otherBits   = textBits("")
)

func textBits(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.LittleEndian.Uint64(sum[:])
}

// identityOf returns the identity of the values of s.
func identityOf(s *dataset.Schema) identity {
	d := identity{features: len(s.Features)}
	for i, c := range s.Columns {
		if c.Kind != dataset.Categorical {
			continue
		}
		if d.levels == nil {
			d.levels = make([][]uint64, len(s.Columns))
		}
		bits := make([]uint64, len(c.Levels), len(c.Levels)+1)
		for code, level := range c.Levels {
			bits[code] = textBits(level)
		}
		d.levels[i] = append(bits, otherBits)
	}
	return d
}

// bits returns what value v of feature i stands for.
func (d identity) bits(i int, v float64) uint64 {
	switch {
	case v != v:
		return missingBits
	case v == 0 && (d.levels == nil || d.levels[i] == nil):
		return 0 // also for -0
	case d.levels != nil && d.levels[i] != nil:
		return d.levels[i][int(v)]
	}
	return math.Float64bits(v)
}
