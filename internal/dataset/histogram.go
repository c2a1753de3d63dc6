package dataset

import "math"

// MaxBins is how many bins a histogram has at most.
const MaxBins = 32

const (
	// indexBits keep the index of a bin exact in a float64.
	indexBits = 53
	// minExponent is that of the narrowest bin: 1/width is finite above it.
	minExponent = -1022
)

// bins is a histogram that grows. Its bins are the multiples of 2^exponent, and two neighbours make one of the next
// exponent. The exponent is the smallest at which MaxBins hold all values, and at which the index of each has no more
// than indexBits. That depends on the values and not on their order, since a value that comes later can only raise it,
// and what was counted before is then merged into just the bins that it would have been counted in.
type bins struct {
	exponent int
	scale    float64 // 2^-exponent
	first    int64   // index of counts[0], which is not 0 once there are values
	from     float64 // the same as first
	size     float64 // of counts, how many may be used; 0 before the first value
	counts   [MaxBins]int
}

// binOf is the histogram of one value.
func binOf(v float64) bins {
	b := bins{exponent: minExponent}
	if v != 0 {
		b.exponent = max(b.exponent, math.Ilogb(v)-(indexBits-1))
	}
	b.counts[0] = 1
	b.rescale()
	b.startAt(int64(b.index(v)))
	return b
}

// index is that of the bin of a value, infinite where that is far away.
func (b *bins) index(v float64) float64 {
	i := math.Floor(v * b.scale)
	if i == 0 && v < 0 {
		return -1 // too near to 0 for the product to be anything else
	}
	return i
}

// count counts a value unless the bins must change for it.
func (b *bins) count(v float64) bool {
	if at := b.index(v) - b.from; at >= 0 && at < b.size {
		b.counts[int(at)]++
		return true
	}
	return false
}

// merge adds the values of other.
func (b *bins) merge(other bins) {
	switch {
	case other.size == 0:
		return
	case b.size == 0:
		*b = other
		return
	}
	exponent := max(b.exponent, other.exponent)
	b.widen(exponent)
	other.widen(exponent)
	first, last := min(b.first, other.first), max(b.last(), other.last())
	for last-first >= MaxBins {
		exponent, first, last = exponent+1, first>>1, last>>1
	}
	b.widen(exponent)
	other.widen(exponent)
	var counts [MaxBins]int
	for _, part := range []*bins{b, &other} {
		for i, n := range part.counts {
			if n > 0 {
				counts[part.first+int64(i)-first] += n
			}
		}
	}
	b.counts = counts
	b.startAt(first)
}

// widen merges the bins into those of a larger exponent.
func (b *bins) widen(exponent int) {
	if exponent == b.exponent {
		return
	}
	shift := min(exponent-b.exponent, 63)
	first := b.first >> shift
	var counts [MaxBins]int
	for i, n := range b.counts {
		if n > 0 {
			counts[(b.first+int64(i))>>shift-first] += n
		}
	}
	b.exponent, b.counts = exponent, counts
	b.rescale()
	b.startAt(first)
}

func (b *bins) rescale() { b.scale = math.Ldexp(1, -b.exponent) }

// startAt makes first the index of the first bin. An index of more than indexBits is none that may be used.
func (b *bins) startAt(first int64) {
	b.first, b.from = first, float64(first)
	b.size = float64(min(MaxBins, 1<<indexBits-first))
}

// last is the index of the last bin that is not empty.
func (b *bins) last() int64 {
	i := MaxBins - 1
	for b.counts[i] == 0 {
		i--
	}
	return b.first + int64(i)
}

// histogram is what has been counted.
func (b *bins) histogram() Histogram {
	if b.size == 0 {
		return Histogram{Counts: []int{}}
	}
	return Histogram{
		Start:  max(math.Ldexp(b.from, b.exponent), -math.MaxFloat64), // -2^1024 is none
		Width:  math.Ldexp(1, b.exponent),
		Counts: append([]int{}, b.counts[:b.last()-b.first+1]...),
	}
}
