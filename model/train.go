package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/design"
)

// ErrUnlearnable marks a table that no learner can be trained on with any spec.
var ErrUnlearnable = errors.New("the data cannot be learned from")

// ErrDefect marks an error of this program, not of its input. The same input causes it again.
var ErrDefect = errors.New("the learner failed")

// maxMagnitude bounds the features of training rows. The squares of values within it stay finite when they are summed
// over as many rows as fit into memory.
const maxMagnitude = 1e150

// Progress is the state of a training.
type Progress struct {
	Iteration int `json:"iteration"` // 0 before the first step
	Total     int `json:"total"`     // maximum number of iterations; a fit may converge earlier
	// Loss is the mean log loss (natural logarithm) on the training rows, weighted by class, without penalties. That of a
	// random forest is out of bag, and that of an ensemble is the one of the member that is fitted.
	Loss float64 `json:"loss"`
}

// Train trains a model on t as s specifies. The same table and spec give the same bytes of Encode on the same
// architecture, with any GOMAXPROCS. After each iteration Train calls report, which may be nil, on the calling
// goroutine. The training waits until report returns.
//
// If ctx ends, Train returns its error without delay. A decision_tree that golearn fits cannot be interrupted: its fit
// continues in the background until it is done. It does not touch t.
//
// An error is a *SpecError, wraps ErrUnlearnable or ErrDefect, or wraps the error of ctx. All but the last occur again
// with the same input.
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
	m := &Model{schema: cloneSchema(t.Schema)}
	if m.spec, m.design, m.scorer, err = fit(ctx, t, spec, report); err != nil {
		return nil, fmt.Errorf("train %s: %w", spec.Algorithm, classified(ctx, err))
	}
	if err := m.scorer.prepare(m.inputs(), len(t.Schema.Classes)); err != nil {
		return nil, fmt.Errorf("train %s: %w: %w", spec.Algorithm, ErrDefect, err)
	}
	return m, nil
}

// fit fits a design, if t is not plain, and then the family. It returns the spec with the values that the family chose.
func fit(
	ctx context.Context, t *dataset.Table, s Spec, report func(Progress),
) (_ Spec, d *design.Design, learned scorer, err error) {
	family := families[s.Algorithm]
	if family.check != nil {
		if err := family.check(&t.Schema, s); err != nil {
			return s, nil, nil, err
		}
	}
	if family.compose != nil {
		s, e, err := family.compose(ctx, t, s, report)
		return s, nil, e, err
	}
	if !t.Schema.Plain() {
		if d, t, err = design.Fit(ctx, t, family.mixed, s.Seed); err != nil {
			return s, nil, nil, err
		}
	}
	if family.settle != nil {
		var values map[string]any
		if s, values, err = s.resolve(); err == nil {
			s, err = family.settle(ctx, t, s, values)
		}
		if err != nil {
			return s, nil, nil, err
		}
	}
	learned, err = family.fit(ctx, t, s, report)
	return s, d, learned, err
}

// classified adds ErrDefect to the error of a fit, unless the error blames the input or the end of ctx.
func classified(ctx context.Context, err error) error {
	var spec *SpecError
	if errors.As(err, &spec) || errors.Is(err, ErrUnlearnable) || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDefect, err)
}

// checkTable checks what every learner relies on. dataset.Scan checks most of it in a file, but a Table can have
// another origin, and a subset of a valid table can lack a class. In errors, rows count from 1.
func checkTable(t *dataset.Table) error {
	if err := checkSchema(t.Schema); err != nil {
		return err
	}
	if err := checkShape(t); err != nil {
		return err
	}
	features, width := len(t.Schema.Features), t.Schema.Width()
	for i, v := range t.X {
		feature, reason := i%width, ""
		if feature >= features { // a value of a text
			if !within(v, 1) {
				return fmt.Errorf("row %d: a value of a text is %v, want a number within ±1", i/width+1, v)
			}
			continue
		}
		if t.Schema.Columns != nil {
			reason = t.Schema.Column(feature).CheckValue(v)
		}
		if reason == "" && !within(v, maxMagnitude) && (v == v || t.Schema.Columns == nil) {
			reason = fmt.Sprintf("is %v, want a number within ±%v", v, maxMagnitude)
		}
		if reason != "" {
			return fmt.Errorf("row %d: %s %s", i/width+1, t.Schema.Features[feature], reason)
		}
	}
	if !slices.ContainsFunc(t.Y, func(y int) bool { return y != t.Y[0] }) {
		return fmt.Errorf("class %q only, want at least two classes", t.Schema.Classes[t.Y[0]])
	}
	return nil
}

// checkShape checks that t has rows, and that each of them has a value per feature and a class of the schema.
func checkShape(t *dataset.Table) error {
	if len(t.Y) == 0 {
		return errors.New("no rows")
	}
	if width := t.Schema.Width(); len(t.X) != len(t.Y)*width {
		return fmt.Errorf("%d values in %d rows of %d values", len(t.X), len(t.Y), width)
	}
	for i, y := range t.Y {
		if y < 0 || y >= len(t.Schema.Classes) {
			return fmt.Errorf("row %d: class %d of %d", i+1, y, len(t.Schema.Classes))
		}
	}
	return nil
}

// trainingLoss returns the mean log loss of a prepared scorer on at most limit rows of t, evenly spaced. A learner that
// does not compute a loss while it fits reports it as progress.
func trainingLoss(s scorer, t *dataset.Table, limit int) float64 {
	rows := min(len(t.Y), limit)
	p, sum := make([]float64, len(t.Schema.Classes)), 0.0
	for i := range rows {
		r := i * len(t.Y) / rows
		s.score(t.Row(r), p)
		sum -= math.Log(max(p[t.Y[r]], MinProbability))
	}
	return sum / float64(rows)
}
