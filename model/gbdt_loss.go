package model

import (
	"math"

	"iris/internal/dataset"
	"iris/model/internal/parallel"
	"iris/model/internal/tree"
)

// boostLoss computes the log loss of the scores of all rows, and its derivatives.
type boostLoss struct {
	table   *dataset.Table
	weights []float64 // per class; the greatest is 1
	width   int       // scores per row

	scores    []float64         // row by row
	gradients [][]tree.Gradient // per score, one per row
	scale2    float64           // of Gradient.Second
}

// boostChunk is the number of rows per task. Sums are rounded chunk by chunk, so it affects the result.
const boostChunk = 4096

func newBoostLoss(t *dataset.Table, weights []float64) *boostLoss {
	l := &boostLoss{table: t, weights: weights, width: scores(len(weights))}
	l.scores = make([]float64, t.Rows()*l.width)
	l.gradients = make([][]tree.Gradient, l.width)
	for k := range l.gradients {
		l.gradients[k] = make([]tree.Gradient, t.Rows())
	}
	l.scale2 = float64(int(1) << tree.SecondBits(t.Rows()))
	return l
}

// base sets every score to the logarithm of the share of its class in the weighted rows, and returns the scores. A
// class without rows counts as half a row.
func (l *boostLoss) base(rows []uint32) []float64 {
	shares, all := make([]float64, len(l.weights)), 0.0
	for _, r := range rows {
		shares[l.table.Y[r]] += l.weights[l.table.Y[r]]
	}
	for k := range shares {
		shares[k] = max(shares[k], 0.5*l.weights[k])
		all += shares[k]
	}
	for k, s := range shares {
		shares[k] = math.Log(s / all)
	}
	if l.width == 1 {
		shares = []float64{shares[1] - shares[0]}
	}
	for r := range l.table.Y {
		copy(l.scores[r*l.width:], shares)
	}
	return shares
}

// evaluate returns the mean log loss of rows. With derive it also sets the gradients of their scores. It uses all
// processors.
func (l *boostLoss) evaluate(rows []uint32, derive bool) float64 {
	chunks := (len(rows) + boostChunk - 1) / boostChunk
	losses := make([]float64, chunks)
	parallel.For(chunks, func(c int) {
		p := make([]float64, len(l.weights))
		// Logarithms are slow. The logarithm of a product is the sum of the logarithms of its factors, and each factor is
		// from 1 to the number of classes.
		product := 1.0
		for _, r := range rows[c*boostChunk : min((c+1)*boostChunk, len(rows))] {
			loss, factor := l.row(int(r), p, derive)
			losses[c] += loss
			if product *= factor; product > 1e290 {
				losses[c] += math.Log(product)
				product = 1
			}
		}
		losses[c] += math.Log(product)
	})
	sum := 0.0
	for _, loss := range losses {
		sum += loss
	}
	return sum / float64(len(rows))
}

// row returns the log loss of one row in two parts: loss + ln(factor). It uses p for the probabilities of the row.
func (l *boostLoss) row(r int, p []float64, derive bool) (loss, factor float64) {
	y, s := l.table.Y[r], l.scores[r*l.width:(r+1)*l.width]
	copy(p[len(p)-len(s):], s)
	if l.width == 1 {
		p[0] = 0
	}
	logit := p[y]
	largest, sum := normalise(p)
	if derive {
		w := l.weights[y]
		for k, q := range p[len(p)-len(s):] {
			first := q
			if k+len(p)-len(s) == y {
				first--
			}
			l.gradients[k][r] = tree.Gradient{
				First:  int32(math.RoundToEven(first * w * (1 << tree.FirstBits))),
				Second: uint32(q*(1-q)*w*l.scale2 + 0.5),
			}
		}
	}
	return largest - logit, sum
}
