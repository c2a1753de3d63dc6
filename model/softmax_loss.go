package model

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"iris/internal/dataset"
)

// softmaxLoss is the objective of a logistic regression: the mean log loss of the rows of a table, weighted by class,
// plus the penalty. Rows are standardised when they are read, because a standardised copy would double the memory. The
// argument theta of its methods holds the weights, feature by feature, and then the biases.
type softmaxLoss struct {
	ctx         context.Context // ends a pass over the rows; the functions of gonum take no context
	table       *dataset.Table
	l2          float64
	weights     []float64 // of a row, by class
	mean, scale []float64
	inverses    []float64 // 1/scale

	tries int // evaluations since the last step of the line search

	theta []float64 // the last argument; gonum requests the value and the gradient at a point separately
	loss  float64   // at theta, with the penalty
	grad  []float64 // at theta
	z     []float64 // one row, standardised
	p     []float64 // its probabilities, then the gradient of its loss by its logits
}

// rowsPerCheck is the number of rows between two checks of the context. They take well under a millisecond.
const rowsPerCheck = 1024

func newSoftmaxLoss(ctx context.Context, t *dataset.Table, l2 float64, weights []float64) *softmaxLoss {
	features, classes := len(t.Schema.Features), len(t.Schema.Classes)
	mean, scale := standardise(t)
	if classes == 2 {
		l2 *= 2 // see logisticRegressionParameters
	}
	return &softmaxLoss{
		ctx: ctx, table: t, l2: l2, weights: weights, mean: mean, scale: scale, inverses: inverses(scale),
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

// maxTries bounds the evaluations of a line search, which needs 1 to 10. If rounding makes the value and the gradient
// disagree about the direction of descent, the line search of gonum may not terminate.
const maxTries = 100

// status implements optimize.Problem's Status, which gonum calls after every evaluation. It ends the run if ctx ends,
// and with the last step if the line search does not find another one.
func (l *softmaxLoss) status() (optimize.Status, error) {
	if l.tries++; l.tries > maxTries {
		return optimize.StepConvergence, l.ctx.Err()
	}
	return optimize.NotTerminated, l.ctx.Err()
}

// evaluate computes the loss and the gradient at theta in one pass over the rows. If the context ends, it stops early,
// and status keeps gonum from using the values.
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
		z := l.z
		for f, v := range l.table.Row(r)[:len(z)] {
			z[f] = (v - l.mean[f]) * l.inverses[f]
		}
		loss += l.row(z, y, weights, bias)
		for k, g := range l.p {
			biasGrad[k] += g
		}
		l.spread(z, weightGrad)
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

// row sets p to the gradient of the loss of a row by its logits, and returns the loss. It keeps the sums of two and
// three classes in registers, as logisticRegression.score does.
func (l *softmaxLoss) row(z []float64, y int, weights, bias []float64) float64 {
	switch len(l.p) {
	case 2:
		a, b := bias[0], bias[1]
		for f, v := range z {
			w := weights[2*f:][:2]
			a += v * w[0]
			b += v * w[1]
		}
		l.p[0], l.p[1] = a, b
	case 3:
		a, b, c := bias[0], bias[1], bias[2]
		for f, v := range z {
			w := weights[3*f:][:3]
			a += v * w[0]
			b += v * w[1]
			c += v * w[2]
		}
		l.p[0], l.p[1], l.p[2] = a, b, c
	default:
		copy(l.p, bias)
		for f, v := range z {
			for k, w := range weights[f*len(l.p):][:len(l.p)] {
				l.p[k] += v * w
			}
		}
	}
	logit, weight := l.p[y], l.weights[y]
	loss := weight * (softmax(l.p) - logit)
	l.p[y]--
	for k := range l.p {
		l.p[k] *= weight
	}
	return loss
}

// spread adds the gradient of a row to that of the weights. p holds the gradient by the logits of the row.
func (l *softmaxLoss) spread(z, weightGrad []float64) {
	switch len(l.p) {
	case 2:
		a, b := l.p[0], l.p[1]
		for f, v := range z {
			w := weightGrad[2*f:][:2]
			w[0] += v * a
			w[1] += v * b
		}
	case 3:
		a, b, c := l.p[0], l.p[1], l.p[2]
		for f, v := range z {
			w := weightGrad[3*f:][:3]
			w[0] += v * a
			w[1] += v * b
			w[2] += v * c
		}
	default:
		for f, v := range z {
			w := weightGrad[f*len(l.p):][:len(l.p)]
			for k, g := range l.p {
				w[k] += v * g
			}
		}
	}
}

// penalty returns the penalty at theta.
func (l *softmaxLoss) penalty(theta []float64) float64 {
	weights, _ := split(theta, len(l.p))
	squares := 0.0
	for _, w := range weights {
		squares += w * w
	}
	return l.l2 / (2 * float64(len(l.table.Y))) * squares
}

// split divides theta, or a gradient, into weights and biases.
func split(theta []float64, classes int) (weights, bias []float64) {
	return theta[:len(theta)-classes], theta[len(theta)-classes:]
}
