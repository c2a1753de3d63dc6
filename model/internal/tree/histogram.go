package tree

import "math/bits"

// Gradient holds the first and the second derivative of the loss by the score of a row, as integers. First is a
// multiple of 2^-FirstBits and Second a multiple of 2^-SecondBits(rows). Sums of integers are the same in any order, so
// trees do not depend on how the work is shared, and the histogram of a node's second child is exactly the histogram of
// the node minus that of the first child.
type Gradient struct {
	First  int32
	Second uint32
}

// FirstBits is the scale of Gradient.First: the greatest first derivative, 1, is 2^30.
const FirstBits = 30

// countBits is the part of gradientSum.rest that counts rows. The other 36 bits add up second derivatives.
const countBits = 28

// MaxBoostRows is the maximum number of rows that a BoostGrower can count.
const MaxBoostRows = 1<<countBits - 1

// SecondBits is the scale of Gradient.Second for that many rows, at most 30. It is as fine as the sum over all rows
// permits, where no second derivative is above 1/4.
func SecondBits(rows int) int {
	return min(30, 64-countBits+2-bits.Len(uint(rows)))
}

// gradientSum is a sum of gradients, such as those in one bin of a histogram. It takes two words, because every row and
// feature costs one addition to each.
type gradientSum struct {
	first int64
	rest  uint64 // second derivatives << countBits | rows
}

func (g Gradient) sum() gradientSum {
	return gradientSum{int64(g.First), uint64(g.Second)<<countBits | 1}
}

func (s gradientSum) plus(o gradientSum) gradientSum {
	return gradientSum{s.first + o.first, s.rest + o.rest}
}

func (s gradientSum) minus(o gradientSum) gradientSum {
	return gradientSum{s.first - o.first, s.rest - o.rest}
}

func (s gradientSum) rows() int      { return int(s.rest & MaxBoostRows) }
func (s gradientSum) second() uint64 { return s.rest >> countBits }

// histogram has 256 sums per feature. A bin number is a byte, so an access needs no bounds check.
type histogram [][256]gradientSum

// fill adds up the gradients of rows by their bin in column. gradients holds them in the order of rows.
func fill(h *[256]gradientSum, column []uint8, rows []uint32, gradients []gradientSum, bins int) {
	clear(h[:bins])
	gradients = gradients[:len(rows)]
	for i, r := range rows {
		g, at := &gradients[i], &h[column[r]]
		at.first += g.first
		at.rest += g.rest
	}
}

// subtract subtracts the first bins of o from h.
func subtract(h, o *[256]gradientSum, bins int) {
	for b := range h[:bins] {
		h[b] = h[b].minus(o[b])
	}
}

// histograms is a pool of at most limit histograms, so that wide data does not take all memory. If a leaf gets no
// histogram, the rows of both of its children must be counted.
type histograms struct {
	features, limit int
	made            int
	free            []histogram
}

// take returns a histogram with arbitrary content, or nil if all are in use.
func (p *histograms) take() histogram {
	if n := len(p.free); n > 0 {
		h := p.free[n-1]
		p.free = p.free[:n-1]
		return h
	}
	if p.made == p.limit {
		return nil
	}
	p.made++
	return make(histogram, p.features)
}

// put returns a histogram to the pool. It ignores nil.
func (p *histograms) put(h histogram) {
	if h != nil {
		p.free = append(p.free, h)
	}
}
