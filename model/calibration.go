package model

// Bin is the predictions whose probability lies within a tenth.
type Bin struct {
	Rows       int
	Confidence float64 // mean probability of the predicted class
	Accuracy   float64 // share of the rows that are of it
}

// calibration puts predictions into bins of equal width by the probability of the predicted class, [0, 0.1), [0.1, 0.2)
// and so on, 1 in the last one. Until it is asked, Confidence and Accuracy of its bins are sums.
type calibration [10]Bin

// add takes the prediction of a row.
func (c *calibration) add(probability float64, right bool) {
	b := &c[min(int(probability*float64(len(c))), len(c)-1)]
	b.Rows++
	b.Confidence += probability
	if right {
		b.Accuracy++
	}
}

// bins returns those that are not empty.
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

// ece is the expected calibration error: the mean over the rows of how far confidence and accuracy of their bin lie
// apart
// (Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; of the
// predicted class, as in Guo et al., "On calibration of modern neural networks", ICML 2017). It is 0 at best and at
// most
// 1. On few rows chance alone makes it larger.
func (c *calibration) ece() float64 {
	sum, rows := 0.0, 0
	for _, b := range c {
		sum += max(b.Confidence-b.Accuracy, b.Accuracy-b.Confidence)
		rows += b.Rows
	}
	return sum / float64(max(rows, 1))
}
