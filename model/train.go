package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"iris/internal/dataset"
)

// ErrUnlearnable marks a table that no learner can be trained on, whatever the spec.
var ErrUnlearnable = errors.New("the data cannot be learned from")

// maxMagnitude bounds the features of training rows: squares of values within it, summed over any number of rows that
// fits in memory, stay finite.
const maxMagnitude = 1e150

// Progress is how far a training is.
type Progress struct {
	Iteration int     `json:"iteration"` // 0 = before the first step
	Total     int     `json:"total"`     // the most iterations there can be; a fit may converge before
	Loss      float64 `json:"loss"`      // mean log loss (natural) over the training rows, weighed as the fit weighs them, without any penalty; a random forest's is out of bag
}

// Train learns a model of t as s says. The same table and spec give the same bytes of Encode on the same architecture,
// whatever GOMAXPROCS is. report, which may be nil, is called from this goroutine after each iteration and holds the
// training up while it runs. When ctx ends Train returns its error at once; golearn's fit of a decision_tree can't be
// interrupted
// and goes on in the background until it is done, without touching t.
//
// Errors are a *SpecError, one that wraps ErrUnlearnable, or ctx's; each of the first two comes again with the same
// input.
func Train(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (*Model, error) {
	spec, err := s.Resolve()
	if err != nil {
		return nil, err
	}
	if err := checkTable(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnlearnable, err)
	}
	if report == nil {
		report = func(Progress) {}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("train %s: %w", spec.Algorithm, err)
	}
	fitted, err := families[spec.Algorithm].fit(ctx, t, spec, report)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", spec.Algorithm, err)
	}
	if err := fitted.prepare(len(t.Schema.Features), len(t.Schema.Classes)); err != nil {
		return nil, fmt.Errorf("train %s: %w", spec.Algorithm, err)
	}
	return &Model{schema: cloneSchema(t.Schema), spec: spec, scorer: fitted}, nil
}

// checkTable checks what every learner relies on. dataset.Scan refuses most of it in a file, but a Table may come from
// elsewhere, and a subset of a good one may have lost a class. Rows count from 1.
func checkTable(t *dataset.Table) error {
	if err := checkSchema(t.Schema); err != nil {
		return err
	}
	if err := checkShape(t); err != nil {
		return err
	}
	features := len(t.Schema.Features)
	for i, v := range t.X {
		if !within(v, maxMagnitude) {
			return fmt.Errorf(
				"row %d: %s is %v, want a number within ±%v",
				i/features+1,
				t.Schema.Features[i%features],
				v,
				maxMagnitude,
			)
		}
	}
	if !slices.ContainsFunc(t.Y, func(y int) bool { return y != t.Y[0] }) {
		return fmt.Errorf("class %q only, want at least two classes", t.Schema.Classes[t.Y[0]])
	}
	return nil
}

// checkShape checks that t has rows, a value for every feature in each, and a class of the schema.
func checkShape(t *dataset.Table) error {
	if len(t.Y) == 0 {
		return errors.New("no rows")
	}
	if len(t.X) != len(t.Y)*len(t.Schema.Features) {
		return fmt.Errorf("%d values in %d rows of %d features", len(t.X), len(t.Y), len(t.Schema.Features))
	}
	for i, y := range t.Y {
		if y < 0 || y >= len(t.Schema.Classes) {
			return fmt.Errorf("row %d: class %d of %d", i+1, y, len(t.Schema.Classes))
		}
	}
	return nil
}
