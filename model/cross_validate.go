package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
)

// CrossValidation says how a spec is tried: every fold is held out once from a fit on the others, as often as Repeats
// says, each time with other folds.
type CrossValidation struct {
	Folds   int    `json:"folds"`
	Repeats int    `json:"repeats"`
	Seed    uint64 `json:"seed"` // of the folds
}

// Score is a metric over the fits of a cross-validation.
type Score struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // sample standard deviation, 0 of a single fit
}

// Validated is how a spec did in a cross-validation.
type Validated struct {
	Fits   int              `json:"fits"`
	Scores map[string]Score `json:"scores"` // by the names of Metrics.Summary
}

// StandardError is the uncertainty of the mean of a metric, as if the fits were independent.
func (v Validated) StandardError(metric string) float64 {
	return v.Scores[metric].Std / math.Sqrt(float64(max(v.Fits, 1)))
}

// CrossValidate tries s on t. report, which may be nil, is called after every fit with its metrics. Errors are those of
// Train and of Evaluate; without two parts to test on, one that wraps ErrUnlearnable.
func CrossValidate(
	ctx context.Context,
	t *dataset.Table,
	s Spec,
	c CrossValidation,
	report func(fit int, m Metrics),
) (Validated, error) {
	values := map[string][]float64{}
	fits := 0
	for repeat := range c.Repeats {
		// Odd steps apart, so that the repeats of neighbouring seeds share no folds.
		folds := dataset.Folds(t, c.Folds, c.Seed+uint64(repeat)*0x9e3779b97f4a7c15)
		for i, fold := range folds {
			if len(fold) == 0 {
				continue
			}
			m, err := testFold(ctx, t, s, folds, i)
			if err != nil {
				return Validated{}, fmt.Errorf("fit %d of %d: %w", fits+1, c.Folds*c.Repeats, err)
			}
			for name, v := range m.Summary() {
				values[name] = append(values[name], v)
			}
			if report != nil {
				report(fits, m)
			}
			fits++
		}
	}
	if fits == 0 {
		return Validated{}, fmt.Errorf("cross-validate: %w: no rows to test on", ErrUnlearnable)
	}
	v := Validated{Fits: fits, Scores: make(map[string]Score, len(values))}
	for name, of := range values {
		v.Scores[name] = scoreOf(of)
	}
	return v, nil
}

// testFold trains on all folds but one and tests on that one.
func testFold(ctx context.Context, t *dataset.Table, s Spec, folds [][]int, out int) (Metrics, error) {
	var rows []int
	for i, fold := range folds {
		if i != out {
			rows = append(rows, fold...)
		}
	}
	slices.Sort(rows)
	m, err := Train(ctx, t.Subset(rows), s, nil)
	if err != nil {
		return Metrics{}, err
	}
	return Evaluate(m, t.Subset(folds[out]))
}

// scoreOf is the mean and the spread of at least one value.
func scoreOf(values []float64) Score {
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return Score{Mean: mean, Std: math.Sqrt(squares / float64(max(len(values)-1, 1)))}
}
