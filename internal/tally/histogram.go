package tally

import "math"

// MaxBins is the maximum number of bins of a histogram.
const MaxBins = 32

// Histogram counts the values of a feature in bins of equal width: bin i covers start + i·width to start +
// (i+1)·width, the end exclusive. The width is a power of two and the start a multiple of it. Both depend on the
// values alone, so the order of the values does not matter. A histogram has at most MaxBins bins, and at least half as
// many if the values differ by more than a rounding error. Its first and last bins are not empty.
type Histogram struct {
	Start  float64 `json:"start"`
	Width  float64 `json:"width"`
	Counts []int   `json:"counts" nullable:"false"`
}

const (
	// indexBits limits the index of a bin to what a float64 holds exactly.
	indexBits = 53
	// minExponent is the exponent of the narrowest bin; 1/width is finite from there on.
	minExponent = -1022
)

// bins is a histogram that grows. Its bins begin at multiples of 2^exponent, and two neighbours merge into one bin of
// the next exponent. The exponent is the smallest at which MaxBins bins hold all values and every index has at most
// indexBits bits. It depends on the values and not on their order: a later value can only raise the exponent, and
// merging moves the earlier counts to the bins that they would have been counted in.
type bins struct {
	exponent int
	scale    float64 // 2^-exponent
	first    int64   // index of counts[0]; counts[0] is not 0 after the first value
	from     float64 // first as a float64
	size     float64 // number of usable counts; 0 before the first value
	counts   [MaxBins]int
}

// binOf returns the histogram of one value.
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

// index returns the index of the bin of a value. It is infinite for a value far away.
func (b *bins) index(v float64) float64 {
	i := math.Floor(v * b.scale)
	if i == 0 && v < 0 {
		return -1 // the product underflows
	}
	return i
}

// count counts a value and reports true, unless the bins must change for it.
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

// widen merges the bins into bins of a larger exponent.
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

// startAt sets the index of the first bin. An index of more than indexBits bits is not usable.
func (b *bins) startAt(first int64) {
	b.first, b.from = first, float64(first)
	b.size = float64(min(MaxBins, 1<<indexBits-first))
}

// last returns the index of the last bin that is not empty.
func (b *bins) last() int64 {
	i := MaxBins - 1
	for b.counts[i] == 0 {
		i--
	}
	return b.first + int64(i)
}

// histogram returns the counts so far.
func (b *bins) histogram() Histogram {
	if b.size == 0 {
		return Histogram{Counts: []int{}}
	}
	return Histogram{
		Start:  max(math.Ldexp(b.from, b.exponent), -math.MaxFloat64), // -2^1024 is not a float64
		Width:  math.Ldexp(1, b.exponent),
		Counts: append([]int{}, b.counts[:b.last()-b.first+1]...),
	}
}
