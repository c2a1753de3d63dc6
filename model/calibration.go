package model

// Bin describes the predictions whose probability is in one tenth of [0, 1].
type Bin struct {
	Rows       int     // number of predictions
	Confidence float64 // mean probability of the most probable class
	Accuracy   float64 // share of the rows that are of the most probable class
}

// calibration puts predictions into bins by the probability of the most probable class: [0, 0.1), [0.1, 0.2), …,
// [0.9, 1].
// Confidence and Accuracy of its bins are sums over the rows.
type calibration [10]Bin

// add adds the prediction of a row.
func (c *calibration) add(probability float64, right bool) {
	b := &c[min(int(probability*float64(len(c))), len(c)-1)]
	b.Rows++
	b.Confidence += probability
	if right {
		b.Accuracy++
	}
}

// bins returns the bins that are not empty, with means instead of sums.
func (c *calibration) bins() []Bin {
	var list []Bin
	for _, b := range c {
		if b.Rows > 0 {
			n := float64(b.Rows)
			list = append(list, Bin{Rows: b.Rows, Confidence: b.Confidence / n, Accuracy: b.Accuracy / n})
		}
	}
	return list
}

// ece returns the expected calibration error: the mean over the rows of |confidence - accuracy| of their bin. It is
// from 0, the best, to 1. On few rows, chance alone makes it larger.
//
// It was introduced by Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
// AAAI 2015. It takes the most probable class only, as in Guo et al., "On calibration of modern neural networks", ICML
// 2017.
func (c *calibration) ece() float64 {
	sum, rows := 0.0, 0
	for _, b := range c {
		sum += max(b.Confidence-b.Accuracy, b.Accuracy-b.Confidence)
		rows += b.Rows
	}
	return sum / float64(max(rows, 1))
}
