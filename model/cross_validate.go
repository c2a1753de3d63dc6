package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
	"iris/internal/partition"
)

// CrossValidation is a repeated k-fold cross-validation. Each repeat divides the rows into other folds and holds every
// fold out once from a fit on the others.
type CrossValidation struct {
	Folds   int    `json:"folds"`   // folds of a repeat, 2 or more
	Repeats int    `json:"repeats"` // 1 or more
	Seed    uint64 `json:"seed"`    // of the division into folds
}

// Score summarises a metric over the fits of a cross-validation.
type Score struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // sample standard deviation; 0 for a single fit
}

// Validated is the result of a cross-validation.
type Validated struct {
	Fits   int              `json:"fits"`            // number of fits
	Folds  int              `json:"folds,omitempty"` // of a repeat: fewer than requested if the rows allow no more
	Scores map[string]Score `json:"scores"`          // by metric, with the names of Metrics.Summary
	// LogLoss and Accuracy hold the values of every fit, so that two specs with the same folds can be compared fit by fit.
	// They are empty in results of older versions.
	LogLoss  []float64 `json:"log_loss,omitempty"`
	Accuracy []float64 `json:"accuracy,omitempty"`
}

// StandardError returns the standard error of the mean of a metric. It treats the fits as independent.
func (v Validated) StandardError(metric string) float64 {
	return v.Scores[metric].Std / math.Sqrt(float64(max(v.Fits, 1)))
}

// On returns c with as many folds as t allows, 2 at least: no more than the different rows of the second largest class,
// so that each fold leaves rows of two classes to train on.
func (c CrossValidation) On(t *dataset.Table) CrossValidation {
	c.Folds = max(2, min(c.Folds, partition.Strata(t, c.Folds)))
	return c
}

// CrossValidate cross-validates s on t, with the folds that On allows. It omits a fold that leaves one class to train
// on. After every fit it calls report, which may be nil, with the metrics on the fold that was held out. The fits count
// from 0. It returns the errors of Train and Evaluate, and an error that wraps ErrUnlearnable if t has too few rows for
// two folds.
func CrossValidate(
	ctx context.Context,
	t *dataset.Table,
	s Spec,
	c CrossValidation,
	report func(fit int, m Metrics),
) (Validated, error) {
	return crossValidate(ctx, t, s, c, report, nil)
}

// CrossValidateHolding is CrossValidate, and returns what the fits predicted for the rows that they did not train on.
func CrossValidateHolding(
	ctx context.Context,
	t *dataset.Table,
	s Spec,
	c CrossValidation,
	report func(fit int, m Metrics),
) (Validated, *HeldOut, error) {
	held := newHeldOut(t)
	v, err := crossValidate(ctx, t, s, c, report, held)
	if err != nil {
		return Validated{}, nil, err
	}
	return v, held.finish(), nil
}

// crossValidate is CrossValidate. It keeps the predictions in held unless that is nil.
func crossValidate(
	ctx context.Context,
	t *dataset.Table,
	s Spec,
	c CrossValidation,
	report func(fit int, m Metrics),
	held *holding,
) (Validated, error) {
	c = c.On(t)
	values := map[string][]float64{}
	fits := 0
	for repeat := range c.Repeats {
		// The step is a large odd number, so that the repeats of neighbouring seeds do not share folds.
		folds := partition.Folds(t, c.Folds, c.Seed+uint64(repeat)*0x9e3779b97f4a7c15)
		for i, fold := range folds {
			if len(fold) == 0 {
				continue
			}
			if held != nil && repeat == 0 {
				held.number(fold, i)
			}
			train := others(folds, i)
			if oneClass(t, train) {
				continue
			}
			m, err := testFold(ctx, t, s, train, fold, held)
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
		return Validated{}, fmt.Errorf("cross-validate: %w: want at least two different rows of two classes", ErrUnlearnable)
	}
	v := Validated{
		Fits: fits, Folds: c.Folds, Scores: make(map[string]Score, len(values)),
		LogLoss: values["log_loss"], Accuracy: values["accuracy"],
	}
	for name, of := range values {
		v.Scores[name] = scoreOf(of)
	}
	return v, nil
}

// others returns the rows of all folds but one, in table order.
func others(folds [][]int, out int) (rows []int) {
	for i, fold := range folds {
		if i != out {
			rows = append(rows, fold...)
		}
	}
	slices.Sort(rows)
	return rows
}

// oneClass reports whether no two of the rows are of different classes.
func oneClass(t *dataset.Table, rows []int) bool {
	return !slices.ContainsFunc(rows, func(row int) bool { return t.Y[row] != t.Y[rows[0]] })
}

// testFold trains on some rows and evaluates the model on others. It keeps the predictions in held unless that is nil.
func testFold(ctx context.Context, t *dataset.Table, s Spec, train, test []int, held *holding) (Metrics, error) {
	m, err := Train(ctx, t.Subset(train), s, nil)
	if err != nil {
		return Metrics{}, err
	}
	rows := t.Subset(test)
	if held == nil {
		return Evaluate(m, rows)
	}
	return evaluateKeeping(m, rows, func(r int, p []float64) { held.add(test[r], p) })
}

// scoreOf returns the mean and the standard deviation of one or more values.
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
