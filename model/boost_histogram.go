package model

import "math/bits"

// gradient is the first and the second derivative of the loss by a row's score, in whole multiples of boostUnits.
// Sums of whole numbers are the same in any order, so the trees don't depend on how work is shared, and the histogram
// of a node's second child is exactly the node's less the first child's.
type gradient struct {
	first  int32
	second uint32
}

// firstBits is the scale of gradient.first: 1, the greatest there is, is 2^30.
const firstBits = 30

// countBits is the part of boostCell.rest that counts rows; the other 36 bits add up second derivatives.
const countBits = 28

// maxBoostRows is the most rows that a boostCell can count.
const maxBoostRows = 1<<countBits - 1

// secondBits is the scale of gradient.second for a number of rows: as fine as their sum leaves room for, at most 2^30.
// None is above 1/4.
func secondBits(rows int) int {
	return min(30, 64-countBits+2-bits.Len(uint(rows)))
}

// boostCell is the sum of the gradients in one bin of a histogram: two words, as every row and feature costs one
// addition to each.
type boostCell struct {
	first int64
	rest  uint64 // second derivatives << countBits, and rows
}

func (g gradient) cell() boostCell { return boostCell{int64(g.first), uint64(g.second)<<countBits | 1} }

func (c boostCell) plus(o boostCell) boostCell { return boostCell{c.first + o.first, c.rest + o.rest} }

func (c boostCell) minus(o boostCell) boostCell { return boostCell{c.first - o.first, c.rest - o.rest} }
func (c boostCell) rows() int                   { return int(c.rest & maxBoostRows) }
func (c boostCell) second() uint64              { return c.rest >> countBits }

// histogram is 256 cells per feature: the index is a byte, so access to them needs no check.
type histogram [][256]boostCell

// fill adds up the cells of rows by bin of a column. cells are those of the rows in their order.
func fill(h *[256]boostCell, column []uint8, rows []uint32, cells []boostCell, bins int) {
	clear(h[:bins])
	cells = cells[:len(rows)]
	for i, r := range rows {
		c, at := &cells[i], &h[column[r]]
		at.first += c.first
		at.rest += c.rest
	}
}

// subtract takes the first bins of o from h.
func subtract(h, o *[256]boostCell, bins int) {
	for b := range h[:bins] {
		h[b] = h[b].minus(o[b])
	}
}

// histograms hands out histograms and takes them back. There are never more than limit, whatever the leaves, so that
// wide data doesn't take all memory: a leaf without one has its children counted in full.
type histograms struct {
	features, limit int
	made            int
	free            []histogram
}

// take returns a histogram with any content, nil when all are in use.
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

// put takes a histogram back. nil is nothing.
func (p *histograms) put(h histogram) {
	if h != nil {
		p.free = append(p.free, h)
	}
}
