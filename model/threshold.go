package model

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
)

// Decide returns m with the decision that r asks for. t is the table that m was trained on. If a metric chooses the
// threshold, Decide cross-validates the spec of m on t, and takes the threshold that is best on the rows that the fits
// held out. The errors are those of CrossValidate, and a *SpecError if the classes of m do not allow the decision.
func (m *Model) Decide(
	ctx context.Context, t *dataset.Table, r DecisionRequest, c CrossValidation,
) (*Model, error) {
	if !r.Given() {
		return m, nil
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	if err := r.CheckClasses(m.schema); err != nil {
		return nil, err
	}
	if r.ThresholdMetric == "" {
		if r.Threshold == nil {
			r.Threshold = new(defaultThreshold)
		}
		return m.decide(r, 0)
	}
	k, err := r.positive(m.schema)
	if err != nil {
		return nil, err
	}
	_, held, err := CrossValidateHolding(ctx, t, m.spec, c, nil)
	if err != nil {
		return nil, fmt.Errorf("choose a threshold: %w", err)
	}
	p, y := held.positives(k)
	threshold, value := bestThreshold(p, y, r.score)
	r.Threshold = &threshold
	if r.ThresholdMetric == CostThreshold {
		value = -value
	}
	return m.decide(r, value)
}

// positives returns the probability of class k of each row that a fit held out, and whether the row is of it.
func (h *HeldOut) positives(k int) (p []float64, y []bool) {
	for r, class := range h.Y {
		if v := float64(h.P[r*h.Classes+k]); v == v { // not NaN
			p, y = append(p, v), append(y, class == k)
		}
	}
	return p, y
}

// calls counts rows by their class and by what they are called.
type calls struct{ hits, falseAlarms, misses, rejections int }

// score returns how good the calls are by the metric of r: higher is better.
func (r DecisionRequest) score(c calls) float64 {
	switch r.ThresholdMetric {
	case BalancedAccuracyThreshold:
		return (share(c.hits, c.hits+c.misses) + share(c.rejections, c.rejections+c.falseAlarms)) / 2
	case MCCThreshold:
		a, b := float64(c.hits+c.falseAlarms), float64(c.hits+c.misses)
		d, e := float64(c.rejections+c.falseAlarms), float64(c.rejections+c.misses)
		scale := math.Sqrt(a * b * d * e)
		if scale == 0 {
			return 0
		}
		return (float64(c.hits)*float64(c.rejections) - float64(c.falseAlarms)*float64(c.misses)) / scale
	case CostThreshold:
		rows := float64(c.hits + c.falseAlarms + c.misses + c.rejections)
		return -(float64(c.falseAlarms)*r.Costs.FalsePositive + float64(c.misses)*r.Costs.FalseNegative) / rows
	}
	return share(2*c.hits, 2*c.hits+c.falseAlarms+c.misses)
}

// Measure returns the metric of d, which has one, on the rows of m.
func (d *Decision) Measure(m Metrics) float64 {
	k := slices.IndexFunc(m.Classes, func(c ClassMetrics) bool { return c.Class == d.PositiveClass })
	value := DecisionRequest{ThresholdMetric: d.Metric, Costs: d.Costs}.score(calls{
		hits: m.Confusion[k][k], falseAlarms: m.Confusion[1-k][k],
		misses: m.Confusion[k][1-k], rejections: m.Confusion[1-k][1-k],
	})
	if d.Metric == CostThreshold {
		value = -value
	}
	return value
}

// bestThreshold returns the threshold with the highest score, of equals the one closest to 0.5 and of those the higher
// one, and its score. p has the probabilities of the positive class, in 0 to 1, and y whether a row is of it. All
// thresholds between two neighbouring probabilities call the rows alike; the one in their middle stands for them.
func bestThreshold(p []float64, y []bool, score func(calls) float64) (threshold, best float64) {
	order := make([]int, len(p))
	var c calls // above the highest probability, no row is called positive
	for i, positive := range y {
		order[i] = i
		if positive {
			c.misses++
		} else {
			c.rejections++
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	best = math.Inf(-1)
	try := func(above, below float64) {
		at := below + (above-below)/2
		if at == below { // neighbours in float64: a row is positive at the threshold
			at = above
		}
		if at <= 0 || at >= 1 {
			return
		}
		v := score(c)
		if v > best || v == best && math.Abs(at-defaultThreshold) < math.Abs(threshold-defaultThreshold) {
			threshold, best = at, v
		}
	}
	above := 1.0
	for i, row := range order {
		if i == 0 || p[row] < above {
			try(above, p[row])
			above = p[row]
		}
		if y[row] {
			c.hits, c.misses = c.hits+1, c.misses-1
		} else {
			c.falseAlarms, c.rejections = c.falseAlarms+1, c.rejections-1
		}
	}
	try(above, 0)
	return threshold, best
}
