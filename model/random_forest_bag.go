package model

import (
	"math"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// maxBagCells bounds rows times classes of the out-of-bag sums, which take eight bytes each.
const maxBagCells = 1 << 22

// outOfBag adds up, for a sample of the training rows, the votes of the trees that grew without them.
type outOfBag struct {
	table *dataset.Table
	rows  []int     // the sample; all rows unless they take too much memory
	sums  []float64 // row by row, one per class
	trees []int     // per row: number of trees in the sums
	loss  []float64 // per row: its log loss
	right []bool    // per row: whether it is predicted right
}

func newOutOfBag(t *dataset.Table) *outOfBag {
	classes := len(t.Schema.Classes)
	rows := tree.SampleRows(t.Rows(), max(1, maxBagCells/classes))
	return &outOfBag{
		table: t, rows: rows,
		sums: make([]float64, len(rows)*classes), trees: make([]int, len(rows)),
		loss: make([]float64, len(rows)), right: make([]bool, len(rows)),
	}
}

// add adds the votes of one tree for the rows that it did not see, and measures the prediction of these rows again.
func (o *outOfBag) add(g forestTree, weights []float64) {
	classes := len(weights)
	shares := make([]float64, 0, len(g.leaves)*classes)
	for _, counts := range g.leaves {
		sum := 0.0
		for k, n := range counts {
			sum += float64(n) * weights[k]
		}
		for k, n := range counts {
			shares = append(shares, float64(n)*weights[k]/sum)
		}
	}
	for i, leaf := range g.unseen {
		if leaf < 0 {
			continue
		}
		o.trees[i]++
		sums, y, best := o.sums[i*classes:(i+1)*classes], o.table.Y[o.rows[i]], 0
		for k, share := range shares[int(leaf)*classes : (int(leaf)+1)*classes] {
			sums[k] += share
			if sums[k] > sums[best] {
				best = k
			}
		}
		o.right[i] = best == y
		o.loss[i] = -math.Log((sums[y] + ignorance/float64(classes)) / (float64(o.trees[i]) + ignorance))
	}
}

// score returns the score of the rows that at least one tree so far did not see.
func (o *outOfBag) score() OutOfBag {
	var score OutOfBag
	right, loss := 0, 0.0
	for i, n := range o.trees {
		if n == 0 {
			continue
		}
		score.Rows++
		if o.right[i] {
			right++
		}
		loss += o.loss[i]
	}
	if score.Rows > 0 {
		score.Accuracy, score.LogLoss = share(right, score.Rows), loss/float64(score.Rows)
	}
	return score
}
