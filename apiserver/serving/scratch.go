package serving

import (
	"sync"

	"iris/internal/dataset"
)

// scratch is the memory that a prediction needs besides the model.
type scratch struct {
	body, answer  []byte
	x             []float64 // of a single row
	probabilities []float64 // of all rows, one after the other
	best          []int     // of an array of rows
	gaps          dataset.Gaps
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// reset makes room for a row and its probabilities.
func (b *scratch) reset(features, classes int) {
	b.body, b.answer, b.gaps = b.body[:0], b.answer[:0], dataset.Gaps{}
	b.x, b.probabilities = resized(b.x, features), resized(b.probabilities, classes)
}

// free returns b to the pool, unless an unusually large body has made it too large to keep.
func (b *scratch) free() {
	const worthKeeping = 512 << 10
	if cap(b.body)+cap(b.answer)+8*(cap(b.x)+cap(b.probabilities)+cap(b.best)) <= worthKeeping {
		scratches.Put(b)
	}
}

func resized(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
