package tree

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
)

// MaxCodes is the maximum number of codes of a categorical feature, so that a set of codes fits into a word.
const MaxCodes = 64

// Subset is a set of codes of a categorical feature: bit c is set if code c belongs to it.
type Subset uint64

// allCodes returns the set of the codes below n.
func allCodes(n int) Subset { return Subset(^uint64(0) >> (MaxCodes - n)) }

// Has reports whether the code x belongs to s, as 0 or 1. It cuts a fraction off. For a value that is not a code the
// result is arbitrary.
func (s Subset) Has(x float64) int32 { return int32(s >> (uint64(int64(x)) & (MaxCodes - 1)) & 1) }

// stays returns 0 if the code belongs to s, whose codes go right, and 1 if it goes left. See goesLeft.
func (s Subset) stays(code uint8) int { return int(^s >> (code & (MaxCodes - 1)) & 1) }

// rightOf returns the codes that go right of a split that sends the codes in left to the left. seen are the codes with
// rows in the node. A row can still have another code at prediction, and goes to the child with more rows.
func rightOf(left, seen Subset, codes int, moreRight bool) Subset {
	right := seen &^ left
	if moreRight {
		right |= seen.Complement(codes)
	}
	return right
}

// Complement returns those of that many codes that are not in s.
func (s Subset) Complement(codes int) Subset { return allCodes(codes) &^ s }

// Len returns the number of codes in s.
func (s Subset) Len() int { return bits.OnesCount64(uint64(s)) }

// All returns the codes in s in ascending order.
func (s Subset) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(bits.TrailingZeros64(uint64(s))) {
				return
			}
		}
	}
}

// check checks that s divides the codes of a feature that has that many: both sides have one.
func (s Subset) check(codes int) error {
	if codes == 0 {
		return errors.New("a subset of the codes of a number")
	}
	if s == 0 || s&^allCodes(codes) != 0 || s == allCodes(codes) {
		return fmt.Errorf("subset %#x of %d codes", uint64(s), codes)
	}
	return nil
}

// CheckCodes checks the codes of that many features, as in dataset.Table.
func CheckCodes(codes []int, features int) error {
	if codes != nil && len(codes) != features {
		return fmt.Errorf("codes of %d features, want %d", len(codes), features)
	}
	for f, n := range codes {
		if n < 0 || n > MaxCodes {
			return fmt.Errorf("feature %d: %d codes, want at most %d", f, n, MaxCodes)
		}
	}
	return nil
}
