package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"iris/internal/dataset"
)

// Importance is how much worse a model does when the values of one feature are shuffled among the rows.
type Importance struct {
	Feature  string
	LogLoss  float64 // mean increase of the log loss
	Accuracy float64 // mean decrease of the accuracy
}

// It is an estimate, and some families take long over many rows.
const (
	importanceShuffles = 5
	importanceRows     = 2000    // at most
	importanceValues   = 100_000 // rows times features at most, so that many features don't take long either,
	importanceLeast    = 100     // but for that many rows
)

// PermutationImportance measures the importance of every feature over t, in the order of the schema. The same seed
// gives the same result. (The method is Breiman's, "Random forests", 2001.)
func PermutationImportance(ctx context.Context, m *Model, t *dataset.Table, seed uint64) ([]Importance, error) {
	if most := min(importanceRows, max(importanceLeast, importanceValues/len(m.schema.Features))); t.Rows() > most {
		rows := rand.New(rand.NewPCG(seed, 0)).Perm(t.Rows())[:most]
		slices.Sort(rows)
		t = t.Subset(rows)
	}
	base, err := Evaluate(m, t)
	if err != nil {
		return nil, err
	}
	features := len(t.Schema.Features)
	shuffled := *t
	shuffled.X = slices.Clone(t.X)
	result := make([]Importance, features)
	for f, name := range t.Schema.Features {
		result[f].Feature = name
		random := rand.New(rand.NewPCG(seed, uint64(f)+1))
		for range importanceShuffles {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("importance of %s: %w", name, err)
			}
			for r, from := range random.Perm(t.Rows()) {
				shuffled.X[r*features+f] = t.X[from*features+f]
			}
			worse, err := Evaluate(m, &shuffled)
			if err != nil {
				return nil, err
			}
			result[f].LogLoss += (worse.LogLoss - base.LogLoss) / importanceShuffles
			result[f].Accuracy += (base.Accuracy - worse.Accuracy) / importanceShuffles
		}
		for r := range t.Rows() {
			shuffled.X[r*features+f] = t.X[r*features+f]
		}
	}
	return result, nil
}
