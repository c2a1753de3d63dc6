package model

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"iris/internal/dataset"
)

// softmaxLoss is the objective of a logistic regression: the mean log loss of a table's rows, each weighed by its class and
// standardised as they are read (a copy would double the memory), plus the penalty. Its argument theta is the weights, feature by feature, then
// the biases.
type softmaxLoss struct {
	ctx         context.Context // ends a pass over the rows; gonum's functions take none
	table       *dataset.Table
	l2          float64
	weights     []float64 // of a row, by class
	mean, scale []float64

	tries int // evaluations since the last step that the line search took

	theta []float64 // the last argument; gonum asks for value and gradient there one after the other
	loss  float64   // at theta, with the penalty
	grad  []float64 // at theta
	z     []float64 // one row, standardised
	p     []float64 // its probabilities, then its part of the gradient
}

// rowsPerCheck is how many rows pass between two looks at the context: well under a millisecond's worth.
const rowsPerCheck = 1024

func newSoftmaxLoss(ctx context.Context, t *dataset.Table, l2 float64, weights []float64) *softmaxLoss {
	features, classes := len(t.Schema.Features), len(t.Schema.Classes)
	mean, scale := standardise(t)
	return &softmaxLoss{
		ctx: ctx, table: t, l2: l2, weights: weights, mean: mean, scale: scale,
		grad: make([]float64, (features+1)*classes), z: make([]float64, features), p: make([]float64, classes),
	}
}

// value implements optimize.Problem's Func.
func (l *softmaxLoss) value(theta []float64) float64 {
	l.evaluate(theta)
	return l.loss
}

// gradient implements optimize.Problem's Grad.
func (l *softmaxLoss) gradient(grad, theta []float64) {
	l.evaluate(theta)
	copy(grad, l.grad)
}

// maxTries is far more evaluations than a line search needs, 1 to 10. gonum's can go on for ever where the rounding of
// the value and that of the gradient disagree about the way down.
const maxTries = 100

// status implements optimize.Problem's Status, which gonum asks after every evaluation: it ends the run with ctx, and
// at the last step taken when the line search doesn't find another.
func (l *softmaxLoss) status() (optimize.Status, error) {
	if l.tries++; l.tries > maxTries {
		return optimize.StepConvergence, l.ctx.Err()
	}
	return optimize.NotTerminated, l.ctx.Err()
}

// evaluate computes loss and gradient at theta in one pass over the rows. When the context ends it stops half-way;
// status then keeps gonum from using the values.
func (l *softmaxLoss) evaluate(theta []float64) {
	if slices.Equal(l.theta, theta) {
		return
	}
	l.theta = append(l.theta[:0], theta...)
	classes := len(l.p)
	weights, bias := split(theta, classes)
	weightGrad, biasGrad := split(l.grad, classes)
	clear(l.grad)
	loss := 0.0
	for r, y := range l.table.Y {
		if r%rowsPerCheck == 0 && l.ctx.Err() != nil {
			return
		}
		copy(l.p, bias)
		for f, v := range l.table.Row(r) {
			z := (v - l.mean[f]) / l.scale[f]
			l.z[f] = z
			for k, w := range weights[f*classes : (f+1)*classes] {
				l.p[k] += z * w
			}
		}
		logit, weight := l.p[y], l.weights[y]
		loss += weight * (softmax(l.p) - logit)
		l.p[y]--
		for k := range l.p {
			l.p[k] *= weight
		}
		for f, z := range l.z {
			for k, g := range l.p {
				weightGrad[f*classes+k] += z * g
			}
		}
		for k, g := range l.p {
			biasGrad[k] += g
		}
	}
	rows := float64(len(l.table.Y))
	for i := range l.grad {
		l.grad[i] /= rows
	}
	for i, w := range weights {
		weightGrad[i] += l.l2 / rows * w
	}
	l.loss = loss/rows + l.penalty(theta)
}

// penalty is the part of the loss at theta that doesn't come from the rows.
func (l *softmaxLoss) penalty(theta []float64) float64 {
	weights, _ := split(theta, len(l.p))
	squares := 0.0
	for _, w := range weights {
		squares += w * w
	}
	return l.l2 / (2 * float64(len(l.table.Y))) * squares
}

// split divides theta, or its gradient, into weights and biases.
func split(theta []float64, classes int) (weights, bias []float64) {
	return theta[:len(theta)-classes], theta[len(theta)-classes:]
}
