package model

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"iris/internal/dataset"
	"iris/internal/partition"
	"iris/model/internal/tree"
)

// boostDefaults are the values that stand for "auto" in the hyperparameters of GBDT.
type boostDefaults struct {
	rounds, leaves, minRows, patience int
	rate                              float64
}

// Limits of the defaults, in rows. docs/decisions/0038-defaults-are-chosen-on-many-tables.md has the numbers behind
// them.
const (
	fewRows   = 1000 // with fewer, a rate of 0.05 fits hardly better than 0.1 and takes twice the time
	foldsRows = 6000 // with up to as many, folds tell the number of rounds
)

// Bounds of what the folds cost: rows times scores, where a tree costs as much as treeRows rows, and that times
// features.
const (
	maxFoldsScores = 60_000
	maxFoldsCells  = 2_000_000
	treeRows       = 500
)

// adaptGBDT replaces the values "auto" by numbers for a table of that size, except n_rounds if the folds are to tell
// it. It reports whether they are. Values that a request gives stay.
//
// Folds tell the number of rounds unless the request chooses a validation part or the table is large. A fit without
// either has no early stopping, so it takes the defaults that suit a fixed number of rounds.
func adaptGBDT(values map[string]any, size Size) (folds bool) {
	stops := values["early_stopping_rounds"] != int64(0)
	scores := scores(size.Classes)
	folds = stops && values["validation_share"] == auto && size.Rows <= foldsRows &&
		(size.Rows+treeRows)*scores <= maxFoldsScores && size.Rows*scores*size.Features <= maxFoldsCells
	d := boostDefaults{rounds: 300, leaves: 31, minRows: 10, patience: 20, rate: 0.1}
	switch {
	case !folds && (!stops || size.Rows < minStoppingRows):
		d = boostDefaults{rounds: 60, leaves: 63, minRows: 10, patience: 10, rate: 0.2}
	case folds && size.Rows < fewRows:
		d = boostDefaults{rounds: 200, leaves: 15, minRows: 5, patience: 15, rate: 0.1}
	case folds:
		d = boostDefaults{rounds: 500, leaves: 15, minRows: 10, patience: 20, rate: 0.05}
	}
	for name, value := range map[string]any{
		"n_rounds": int64(d.rounds), "learning_rate": d.rate, "num_leaves": int64(d.leaves),
		"min_rows_leaf":         int64(d.minRows),
		"early_stopping_rounds": int64(d.patience), "validation_share": 0.1,
	} {
		if values[name] == auto {
			values[name] = value
		}
	}
	return folds
}

// settleGBDT returns s with a number for every value "auto". If folds tell the number of rounds, it is that number, and
// early stopping is off: a fit with the settled spec gives the same model.
func settleGBDT(ctx context.Context, t *dataset.Table, s Spec, values map[string]any) (_ Spec, err error) {
	folds := adaptGBDT(values, sizeOf(t))
	if s.Hyperparameters, err = json.Marshal(values); err != nil {
		return s, fmt.Errorf("encode hyperparameters: %w", err)
	}
	if !folds {
		return s, nil
	}
	var h gbdtSettings
	if err := s.read(&h); err != nil {
		return s, err
	}
	weights, err := s.weights(t, h.ClassWeight == "balanced")
	if err != nil {
		return s, err
	}
	rounds, err := h.roundsByFolds(ctx, t, s.Seed, weights)
	if err != nil {
		return s, err
	}
	values["n_rounds"], values["early_stopping_rounds"] = int64(rounds), int64(0)
	if s.Hyperparameters, err = json.Marshal(values); err != nil {
		return s, fmt.Errorf("encode hyperparameters: %w", err)
	}
	return s, nil
}

// sizeOf returns what the defaults of a fit depend on.
func sizeOf(t *dataset.Table) Size {
	return Size{Rows: t.Rows(), Features: len(t.Schema.Features), Classes: len(t.Schema.Classes)}
}

// Constants of roundsByFolds.
const (
	stoppingFolds = 5
	worthwhile    = 0.002 // share of the log loss by which it must fall within the patience to go on
)

// roundsByFolds returns the number of rounds with the lowest mean log loss on rows that a fit does not train on. It
// boosts on the rows outside each fold, all folds in step. Every row counts, so a table too small for a validation part
// still says when to stop.
func (h gbdtSettings) roundsByFolds(
	ctx context.Context, t *dataset.Table, seed uint64, weights []float64,
) (int, error) {
	b, err := tree.NewBins(ctx, t)
	if err != nil {
		return 0, err
	}
	patience := h.StoppingRounds
	h.StoppingRounds = 0 // no validation part besides the fold
	var boosters []*booster
	for _, fold := range partition.Folds(t, stoppingFolds, seed) {
		if len(fold) > 0 {
			boosters = append(boosters, newBooster(t, b, seed, h, weights).outside(fold))
			boosters[len(boosters)-1].growers = boosters[0].growers // they work one after the other
		}
	}
	best, bestLoss := 0, math.Inf(1)
	last, lastLoss := 0, math.Inf(1) // the last worthwhile improvement
	for round := 0; ; round++ {
		loss := 0.0
		for _, o := range boosters {
			loss += o.loss.evaluate(o.validation, false) * float64(len(o.validation)) / float64(t.Rows())
		}
		if loss < bestLoss {
			best, bestLoss = round, loss
		}
		if loss < lastLoss*(1-worthwhile) {
			last, lastLoss = round, loss
		}
		if round == h.Rounds || round-last >= patience {
			return max(best, 1), nil
		}
		for _, o := range boosters {
			o.loss.evaluate(o.training, true)
			if _, err := o.round(ctx); err != nil {
				return 0, err
			}
			o.model = &gbdt{Base: o.model.Base} // the scores are all that counts
		}
	}
}

// outside makes o train on the rows outside a fold and validate on the fold.
func (o *booster) outside(fold []int) *booster {
	held := make([]bool, len(o.drawn))
	for _, r := range fold {
		held[r] = true
	}
	o.training, o.validation = o.training[:0], o.validation[:0]
	for r, out := range held {
		if out {
			o.validation = append(o.validation, uint32(r))
		} else {
			o.training = append(o.training, uint32(r))
		}
	}
	o.model.Base = o.loss.base(o.training)
	return o
}
