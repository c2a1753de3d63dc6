package model

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a range that holds a metric with a confidence of 95 %, as far as the rows tell.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Limits of the bootstrap. They bound its time to about a second.
const (
	bootstrapSeed   = 42
	maxResamples    = 1000
	minResamples    = 100
	bootstrapCells  = 20_000_000 // rows times classes times resamples, if minResamples allows
	maxBootRows     = 20_000
	bootstrapMargin = 0.025 // share of the resamples below and above the interval
)

// bootstrap returns the intervals of accuracy, log loss and AUC by resampling the rows: with replacement, as many as
// there are, up to 1,000 times with a fixed seed. An interval is that of the percentiles, centred on the metric. From a
// sample of n of N rows, its width is that of the sample times the root of n/N.
//
// The method is that of Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.
func (s *probabilities) bootstrap(rows int, m Metrics, d decider) map[string]Interval {
	b := s.thinned(max(minResamples, min(maxBootRows, bootstrapCells/minResamples/s.classes)))
	n := len(b.y)
	resamples := max(minResamples, min(maxResamples, bootstrapCells/(n*s.classes)))
	right, loss, orders := b.perRow(d)
	values := map[string][]float64{}
	random := rand.New(rand.NewPCG(bootstrapSeed, 0))
	weights := make([]int32, n)
	for i := range resamples + 1 {
		if i == 0 { // the sample itself
			for r := range weights {
				weights[r] = 1
			}
		} else {
			clear(weights)
			for range n {
				weights[random.IntN(n)]++
			}
		}
		hits, sum := 0, 0.0
		for r, w := range weights {
			hits += int(w) * right[r]
			sum += float64(w) * loss[r]
		}
		values["accuracy"] = append(values["accuracy"], float64(hits)/float64(n))
		values["log_loss"] = append(values["log_loss"], sum/float64(n))
		if auc, ok := b.weightedAUC(orders, weights); ok { // a resample may lack a class
			values["auc"] = append(values["auc"], auc)
		}
	}
	scale := math.Sqrt(float64(n) / float64(rows))
	intervals := make(map[string]Interval, len(values))
	for name, metric := range map[string]float64{"accuracy": m.Accuracy, "log_loss": m.LogLoss, "auc": m.AUC} {
		if len(values[name]) <= minResamples/2 {
			continue
		}
		sample := values[name][0]
		drawn := slices.Sorted(slices.Values(values[name][1:]))
		at := func(share float64) float64 {
			return metric + scale*(drawn[int(share*float64(len(drawn)-1)+0.5)]-sample)
		}
		low, high := max(at(bootstrapMargin), 0), at(1-bootstrapMargin)
		if name != "log_loss" {
			high = min(high, 1)
		}
		intervals[name] = Interval{Low: min(low, metric), High: max(high, metric)}
	}
	return intervals
}

// thinned returns at most limit of the rows, evenly spaced.
func (s *probabilities) thinned(limit int) *probabilities {
	if len(s.y) <= limit {
		return s
	}
	b := &probabilities{classes: s.classes}
	for i := range limit {
		r := i * len(s.y) / limit
		b.add(s.p[r*s.classes:(r+1)*s.classes], s.y[r])
	}
	return b
}

// perRow returns whether each row is predicted right, 1 or 0, its log loss, and per class the rows by descending
// probability.
func (s *probabilities) perRow(d decider) (right []int, loss []float64, orders [][]int32) {
	right, loss = make([]int, len(s.y)), make([]float64, len(s.y))
	for r, y := range s.y {
		p := s.p[r*s.classes : (r+1)*s.classes]
		if d.label(p) == y {
			right[r] = 1
		}
		loss[r] = -math.Log(max(p[y], MinProbability))
	}
	for k := s.firstRanked(); k < s.classes; k++ {
		order := make([]int32, len(s.y))
		for r := range order {
			order[r] = int32(r)
		}
		slices.SortFunc(order, func(a, b int32) int {
			switch p, q := s.p[int(a)*s.classes+k], s.p[int(b)*s.classes+k]; {
			case p > q:
				return -1
			case p < q:
				return 1
			}
			return 0
		})
		orders = append(orders, order)
	}
	return right, loss, orders
}

// weightedAUC returns the mean area under the ROC curves of a resample, in which a row occurs as often as its weight
// says. It returns false if no class has an area.
func (s *probabilities) weightedAUC(orders [][]int32, weights []int32) (auc float64, ok bool) {
	total, found := 0.0, 0.0
	for i, order := range orders {
		k := s.firstRanked() + i
		var area float64
		var hits, falseAlarms, stepHits, stepAlarms int64
		last := math.Inf(1)
		for _, r := range order {
			w := int64(weights[r])
			if w == 0 {
				continue
			}
			if p := s.p[int(r)*s.classes+k]; p != last {
				area += float64(stepAlarms) * (float64(hits) + float64(stepHits)/2)
				hits, falseAlarms, stepHits, stepAlarms = hits+stepHits, falseAlarms+stepAlarms, 0, 0
				last = p
			}
			if s.y[r] == k {
				stepHits += w
			} else {
				stepAlarms += w
			}
		}
		area += float64(stepAlarms) * (float64(hits) + float64(stepHits)/2)
		hits, falseAlarms = hits+stepHits, falseAlarms+stepAlarms
		if hits > 0 && falseAlarms > 0 {
			total, found = total+area/float64(hits)/float64(falseAlarms), found+1
		}
	}
	return total / max(found, 1), found > 0
}
