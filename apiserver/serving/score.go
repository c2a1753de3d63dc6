package serving

import (
	"context"
	"fmt"
	"time"

	"iris/apiserver/httpio"
	"iris/internal/dataset"
)

// Limits are what a protocol allows in one request, and how it says that a request exceeds them.
type Limits struct {
	Rows          int
	Probabilities int // rows by classes; 0 means no limit

	TooMany  func(limit int) error // for more rows than the limit
	Overflow func(row int) error   // for a row, from 0, whose probabilities are not finite
}

// MaxRows returns how many rows a request to a model with this many classes may have.
func (l Limits) MaxRows(classes int) int {
	if l.Probabilities == 0 {
		return l.Rows
	}
	return min(l.Rows, l.Probabilities/classes)
}

// checkInterval is how many rows are scored between two checks that the client still waits.
const checkInterval = 256

// Source passes the rows of a request to row, one after the other, until row returns an error. It returns that error,
// or its own. A row is valid until row returns.
type Source func(row func(x []float64) error) error

// Score classifies the rows of a source and passes the class and the probabilities of each to emit, which must copy
// what it keeps of them. It returns the gaps of the rows. Neither may wait for a client: the gate lets few requests
// score at the same time. Score sheds a request that the gate does not let in soon.
func (p *Predictor) Score(
	ctx context.Context, limits Limits, source Source, emit func(best int, probabilities []float64) error,
) (gaps dataset.Gaps, err error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return gaps, err
	}
	defer leave()
	return p.score(ctx, limits, source, emit)
}

// enter waits for the gate with a request of many rows. The caller calls leave after its work, if there is no error.
func (p *Predictor) enter(ctx context.Context) (leave func(), err error) {
	if err := p.process.gate.enter(ctx, p.patience()); err != nil {
		return nil, err
	}
	began := time.Now()
	return func() {
		p.observe(time.Since(began))
		p.process.gate.leave()
	}, nil
}

// score is Score inside the gate.
func (p *Predictor) score(
	ctx context.Context, limits Limits, source Source, emit func(best int, probabilities []float64) error,
) (gaps dataset.Gaps, err error) {
	probabilities := make([]float64, len(p.labels))
	limit, row := limits.MaxRows(len(p.labels)), 0
	err = source(func(x []float64) error {
		if row == limit {
			return limits.TooMany(limit)
		}
		if row%checkInterval == 0 && ctx.Err() != nil {
			return fmt.Errorf("%w: %w", httpio.ErrHungUp, context.Cause(ctx))
		}
		best, ok := p.classify(x, probabilities)
		if !ok {
			return limits.Overflow(row)
		}
		if p.Cells != nil {
			p.Cells.Count(x, &gaps)
		}
		row++
		return emit(best, probabilities)
	})
	return gaps, err
}

// classify fills in the probabilities of a row and returns its class. It reports false if a probability is not finite,
// which JSON cannot hold.
func (p *Predictor) classify(x, probabilities []float64) (best int, ok bool) {
	best = p.Model.Predict(x, probabilities)
	return best, finite(probabilities)
}

func finite(values []float64) bool {
	for _, v := range values {
		if v-v != 0 { // NaN if v is not finite
			return false
		}
	}
	return true
}
