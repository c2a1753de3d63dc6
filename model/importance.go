package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"iris/internal/dataset"
)

// Importance measures how much worse a model is after the values of one feature are shuffled among the rows.
type Importance struct {
	Feature  string
	LogLoss  float64 // mean increase of the log loss
	Accuracy float64 // mean decrease of the accuracy
}

// Importance is an estimate, so these limits bound the time that it takes with slow families and many features.
const (
	importanceShuffles  = 5       // of each feature
	maxImportanceRows   = 2000    // maximum number of rows
	maxImportanceValues = 100_000 // maximum number of rows times features, but
	leastImportanceRows = 100     // at least that many rows
)

// PermutationImportance measures the importance of every feature of m on t, in the order of the schema. It takes a
// random sample of a large table. The same seed gives the same result. If ctx ends, it returns the error of ctx.
//
// The method is that of Breiman, "Random forests", Machine Learning 45, 2001.
func PermutationImportance(ctx context.Context, m *Model, t *dataset.Table, seed uint64) ([]Importance, error) {
	limit := min(maxImportanceRows, max(leastImportanceRows, maxImportanceValues/m.width()))
	if t.Rows() > limit {
		rows := rand.New(rand.NewPCG(seed, 0)).Perm(t.Rows())[:limit]
		slices.Sort(rows)
		t = t.Subset(rows)
	}
	base, err := EvaluateUnranked(m, t)
	if err != nil {
		return nil, err
	}
	shuffled := *t
	shuffled.X = slices.Clone(t.X)
	result := make([]Importance, len(t.Schema.Features))
	texts := 0 // before the feature
	for f, name := range t.Schema.Features {
		result[f].Feature = name
		spans := [][2]int{{f, f + 1}} // of the values of the feature in a row
		if t.Schema.Column(f).Kind == dataset.Text {
			at := len(t.Schema.Features) + texts*dataset.TextValues
			spans = append(spans, [2]int{at, at + dataset.TextValues})
			texts++
		}
		random := rand.New(rand.NewPCG(seed, uint64(f)+1))
		for range importanceShuffles {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("importance of %s: %w", name, err)
			}
			for r, from := range random.Perm(t.Rows()) {
				copySpans(shuffled.Row(r), t.Row(from), spans)
			}
			worse, err := EvaluateUnranked(m, &shuffled)
			if err != nil {
				return nil, err
			}
			result[f].LogLoss += (worse.LogLoss - base.LogLoss) / importanceShuffles
			result[f].Accuracy += (base.Accuracy - worse.Accuracy) / importanceShuffles
		}
		for r := range t.Rows() {
			copySpans(shuffled.Row(r), t.Row(r), spans)
		}
	}
	return result, nil
}

// copySpans copies parts of a row.
func copySpans(to, from []float64, spans [][2]int) {
	for _, s := range spans {
		copy(to[s[0]:s[1]], from[s[0]:s[1]])
	}
}
