package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// logisticRegressionParameters are the hyperparameters of LogisticRegression.
//
//   - l2: strength of the penalty, scikit-learn's 1/C: the optimiser minimises
//     mean log loss + l2/(2·rows) · Σ weights², biases not included, on standardised features. With two classes
//
// scikit-learn keeps one vector of weights, the difference of two that are each other's opposite here, whose squares
//
//	  are half of its; the penalty is therefore twice that, and the minimum is scikit-learn's.
//	- max_iterations: L-BFGS steps at most; a fit usually converges in 10 to 50.
//	- tolerance: converged when no component of the gradient of that mean is larger.
var logisticRegressionParameters = []parameter{
	number(
		"l2",
		1,
		0,
		1e6,
	).means("Strength of the penalty on large weights, scikit-learn's 1/C; higher is smoother, 0 is none."),
	integer(
		"max_iterations",
		200,
		1,
		10_000,
	).means("Steps of the optimiser at most; a fit usually converges in 10 to 50."),
	number("tolerance", 1e-6, 1e-12, 0.1).means("Converged when no component of the gradient is larger."),
}

// logisticRegression is softmax(bias + weights · (x-mean)/scale). The standardisation stays apart from the weights:
// folded into them, a feature far from zero (a timestamp) would cancel most of its digits against the bias.
type logisticRegression struct {
	Mean    []float64 `json:"mean"`    // per feature
	Scale   []float64 `json:"scale"`   // per feature: standard deviation over the training rows, 1 where that is 0
	Weights []float64 `json:"weights"` // feature by feature, one per class
	Bias    []float64 `json:"bias"`    // per class

	inverses []float64 // 1/scale; derived by prepare
}

// maxWeight bounds standardised values and weights, so that no sum of their products can overflow: with it, softmax
// never sees an infinity or a NaN, however far a row lies from the training rows.
const maxWeight = 1e100

// prepare implements scorer.
func (m *logisticRegression) prepare(features, classes int) error {
	if len(m.Mean) != features || len(m.Scale) != features || len(m.Weights) != features*classes ||
		len(m.Bias) != classes {
		return fmt.Errorf("%d means, %d scales, %d weights and %d biases for %d features and %d classes",
			len(m.Mean), len(m.Scale), len(m.Weights), len(m.Bias), features, classes)
	}
	for f := range features {
		if !within(m.Mean[f], math.MaxFloat64) || !within(m.Scale[f], math.MaxFloat64) || m.Scale[f] <= 0 {
			return fmt.Errorf("feature %d: mean %v, scale %v", f, m.Mean[f], m.Scale[f])
		}
	}
	for i, v := range m.Weights {
		if !within(v, maxWeight) {
			return fmt.Errorf("weight %d is %v, want a number within ±%v", i, v, maxWeight)
		}
	}
	for k, v := range m.Bias {
		if !within(v, maxWeight) {
			return fmt.Errorf("bias %d is %v, want a number within ±%v", k, v, maxWeight)
		}
	}
	m.inverses = inverses(m.Scale)
	return nil
}

// within reports whether v is a number from -limit to limit.
func within(v, limit float64) bool { return math.Abs(v) <= limit } // false for NaN

// score implements scorer. Two and three classes, which are most of what there is, have their sums in registers; the
// additions of a class have the same order everywhere.
func (m *logisticRegression) score(x, p []float64) {
	mean, inverses := m.Mean[:len(x)], m.inverses[:len(x)]
	switch len(p) {
	case 2:
		a, b := m.Bias[0], m.Bias[1]
		for f, v := range x {
			z, w := clamp((v-mean[f])*inverses[f]), m.Weights[2*f:][:2]
			a += z * w[0]
			b += z * w[1]
		}
		p[0], p[1] = a, b
	case 3:
		a, b, c := m.Bias[0], m.Bias[1], m.Bias[2]
		for f, v := range x {
			z, w := clamp((v-mean[f])*inverses[f]), m.Weights[3*f:][:3]
			a += z * w[0]
			b += z * w[1]
			c += z * w[2]
		}
		p[0], p[1], p[2] = a, b, c
	default:
		copy(p, m.Bias)
		for f, v := range x {
			z := clamp((v - mean[f]) * inverses[f])
			for k, w := range m.Weights[f*len(p):][:len(p)] {
				p[k] += z * w
			}
		}
	}
	normalise(p)
}

// clamp keeps a standardised value within ±maxWeight.
func clamp(z float64) float64 {
	if z > maxWeight {
		return maxWeight
	} else if z < -maxWeight {
		return -maxWeight
	}
	return z
}

// softmax turns finite logits into probabilities in place and returns the logarithm of the sum of their exponentials.
func softmax(p []float64) float64 {
	largest, sum := normalise(p)
	return largest + math.Log(sum)
}

// normalise is softmax for who doesn't need the logarithm: it returns the largest logit and the sum of the exponentials
// of the logits less that one. So shifted, none of them overflows and the sum is at least 1.
func normalise(p []float64) (largest, sum float64) {
	largest = p[0]
	for _, v := range p[1:] {
		if v > largest {
			largest = v
		}
	}
	for k, v := range p {
		e := 1.0
		if v != largest {
			e = math.Exp(v - largest)
		}
		p[k] = e
		sum += e
	}
	for k := range p {
		p[k] /= sum
	}
	return largest, sum
}

// fitLogisticRegression minimises the loss of logisticRegressionParameters from weights of zero. Nothing in it is
// random and every sum has one order, so the result depends on the rows and the hyperparameters alone.
func fitLogisticRegression(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		L2            float64 `json:"l2"`
		MaxIterations int     `json:"max_iterations"`
		Tolerance     float64 `json:"tolerance"`
	}
	if err := json.Unmarshal(s.Hyperparameters, &h); err != nil {
		return nil, fmt.Errorf("read hyperparameters: %w", err)
	}
	weights, err := s.weights(t, false)
	if err != nil {
		return nil, err
	}
	loss := newSoftmaxLoss(ctx, t, h.L2, weights)
	result, err := optimize.Minimize(
		optimize.Problem{Func: loss.value, Grad: loss.gradient, Status: loss.status},
		make([]float64, len(loss.grad)),
		&optimize.Settings{
			GradientThreshold: h.Tolerance,
			MajorIterations:   h.MaxIterations + 1, // gonum counts the starting point as one
			Recorder:          &recorder{report: report, total: h.MaxIterations, loss: loss},
		},
		&optimize.LBFGS{
			Linesearcher:      &optimize.MoreThuente{},
			GradStopThreshold: math.NaN(),
		}, // NaN: GradientThreshold alone decides
	)
	if err != nil && !atPrecisionLimit(err) {
		return nil, err
	}
	n := len(loss.mean) * len(t.Schema.Classes)
	return &logisticRegression{Mean: loss.mean, Scale: loss.scale, Weights: result.X[:n], Bias: result.X[n:]}, nil
}

// atPrecisionLimit reports whether the line search ended because it can't tell better weights from the present ones in
// float64. They are the answer then. With the default tolerance and penalties of 0.01 to 1000 every fit tried converged
// before that; without a penalty, classes that a plane can separate have no best weights, and the search ends here.
func atPrecisionLimit(err error) bool {
	return errors.Is(err, optimize.ErrLinesearcherFailure) || errors.Is(err, optimize.ErrLinesearcherBound) ||
		errors.Is(err, optimize.ErrNoProgress) || errors.Is(err, optimize.ErrNonDescentDirection)
}

// recorder follows gonum's optimiser and reports each iteration once.
type recorder struct {
	report func(Progress)
	total  int
	loss   *softmaxLoss
	next   int // the iteration to report next
}

// Init implements optimize.Recorder.
func (r *recorder) Init() error { return nil }

// Record implements optimize.Recorder. gonum doesn't record the iteration that ends the run as such, only as the
// PostIteration that follows.
func (r *recorder) Record(at *optimize.Location, op optimize.Operation, stats *optimize.Stats) error {
	if op == optimize.MajorIteration {
		r.loss.tries = 0
	}
	iteration := stats.MajorIterations - 1
	if (op == optimize.MajorIteration || op == optimize.PostIteration) && iteration >= r.next {
		r.next = iteration + 1
		r.report(Progress{Iteration: iteration, Total: r.total, Loss: at.F - r.loss.penalty(at.X)})
	}
	return nil
}

// onnx implements scorer.
func (m *logisticRegression) onnx(g *onnx.Graph) string {
	classes := len(m.Bias)
	z := g.Standardised(m.Mean, m.Scale, maxWeight)
	logits := g.Node(
		"Gemm",
		[]string{z, g.Doubles("weights", m.Weights, g.Features, classes), g.Doubles("bias", m.Bias, classes)},
	)
	return g.Node("Softmax", []string{logits}, onnx.Int("axis", 1))
}
