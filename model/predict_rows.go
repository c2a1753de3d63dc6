package model

import "fmt"

// PredictRows is Predict for many rows: x has them one after the other, labels has a place for the index of each row's
// most probable class, and probabilities one for each class of each row, row by row. What it fills in is, bit by bit,
// what Predict would. It doesn't allocate. Slices whose lengths don't fit together are a mistake in the calling code,
// and
// it panics.
func (m *Model) PredictRows(x []float64, labels []int, probabilities []float64) {
	rows, features, classes := len(labels), len(m.schema.Features), len(m.schema.Classes)
	if len(x) != rows*features || len(probabilities) != rows*classes {
		panic(fmt.Sprintf("model: PredictRows of %d rows with %d values and room for %d probabilities, want %d and %d",
			rows, len(x), len(probabilities), rows*features, rows*classes))
	}
	for r := range labels {
		p := probabilities[r*classes : (r+1)*classes]
		m.scorer.score(x[r*features:(r+1)*features], p)
		labels[r] = mostProbable(p)
	}
}

// mostProbable returns the index of the highest probability, the lowest of equals.
func mostProbable(p []float64) int {
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}
