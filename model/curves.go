package model

import (
	"cmp"
	"slices"

	"iris/internal/dataset"
)

// Point is a point of a curve.
type Point struct{ X, Y float64 }

// Curves holds the curves that measure the probabilities of a model. ROC, PrecisionRecall and AUC have one element per
// class, that class against all others. A class of no row or of every row has no curve and the area 0.
type Curves struct {
	ROC             [][]Point // X is the false positive rate, Y the true positive rate
	PrecisionRecall [][]Point // X is the recall, Y the precision
	AUC             []float64 // area under ROC: how often a row of the class has a higher probability than another row
	Calibration     []Bin     // of the most probable classes, by ascending probability, without empty bins
	ECE             float64   // expected calibration error, as in Metrics
}

// NewCurves computes the curves of m over t. The features and classes of t must be those of m, in the same order.
func NewCurves(m *Model, t *dataset.Table) Curves {
	classes := len(m.schema.Classes)
	scores := make([]float64, t.Rows()*classes)
	c := Curves{ROC: make([][]Point, classes), PrecisionRecall: make([][]Point, classes), AUC: make([]float64, classes)}
	var likely calibration
	for r, y := range t.Y {
		p := scores[r*classes : (r+1)*classes]
		m.Predict(t.Row(r), p)
		k := mostProbable(p)
		likely.add(p[k], k == y)
	}
	c.Calibration, c.ECE = likely.bins(), likely.ece()
	for k := range classes {
		c.addClass(k, t.Y, func(r int) float64 { return scores[r*classes+k] })
	}
	return c
}

// addClass adds the curves of class k. It walks through the rows from the highest probability of k to the lowest. Rows
// of equal probability are one step, because no threshold can separate them.
func (c *Curves) addClass(k int, y []int, score func(r int) float64) {
	order, positives := make([]int, len(y)), 0
	for r, class := range y {
		order[r] = r
		if class == k {
			positives++
		}
	}
	negatives := len(y) - positives
	if positives == 0 || negatives == 0 {
		return
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score(b), score(a)) })
	roc := []Point{{0, 0}}
	var precisionRecall []Point
	hits, falseAlarms := 0, 0
	for i, r := range order {
		if y[r] == k {
			hits++
		} else {
			falseAlarms++
		}
		if i+1 < len(order) && score(order[i+1]) == score(r) {
			continue
		}
		from, to := roc[len(roc)-1], Point{share(falseAlarms, negatives), share(hits, positives)}
		c.AUC[k] += (to.X - from.X) * (to.Y + from.Y) / 2
		roc = append(roc, to)
		precisionRecall = append(precisionRecall, Point{to.Y, share(hits, hits+falseAlarms)})
	}
	c.ROC[k], c.PrecisionRecall[k] = roc, precisionRecall
}
