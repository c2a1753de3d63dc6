package model

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// logisticRegressionParameters are the hyperparameters of LogisticRegression. The optimiser minimises mean log loss +
// l2/(2·rows) · Σ weights² on standardised features; the penalty does not include biases.
//
// l2 is the 1/C of scikit-learn. With two classes scikit-learn has one vector of weights. It is the difference of the
// two vectors here, which are each other's opposite, so the sum of their squares is half of its square. The penalty of
// two classes is therefore doubled, and the minimum is that of scikit-learn.
var logisticRegressionParameters = []parameter{
	number("l2", 1, 0, 1e6).
		means("Strength of the penalty on large weights, 1/C in scikit-learn; higher is smoother, 0 sets none."),
	integer("max_iterations", 200, 1, 10_000).
		means("Maximum number of steps of the optimiser; a fit usually converges in 10 to 50."),
	number("tolerance", 1e-6, 1e-12, 0.1).
		means("The fit has converged if no component of the gradient is larger."),
}

// logisticRegression is softmax(bias + weights · (x-mean)/scale). The weights do not include the standardisation. If
// they did, a feature far from zero, such as a timestamp, would cancel most of its digits against the bias.
type logisticRegression struct {
	Mean    []float64 `json:"mean"`    // per feature
	Scale   []float64 `json:"scale"`   // per feature: standard deviation over the training rows, or 1 if that is 0
	Weights []float64 `json:"weights"` // feature by feature, one per class
	Bias    []float64 `json:"bias"`    // per class

	inverses []float64 // 1/scale; derived by prepare
}

// maxWeight bounds standardised values and weights, so that no sum of their products can overflow. Softmax then never
// receives an infinity or a NaN, no matter how far a row is from the training rows.
const maxWeight = 1e100

// prepare implements scorer.
func (m *logisticRegression) prepare(features, classes int) error {
	if len(m.Mean) != features || len(m.Scale) != features || len(m.Weights) != features*classes ||
		len(m.Bias) != classes {
		return fmt.Errorf("%d means, %d scales, %d weights and %d biases for %d features and %d classes",
			len(m.Mean), len(m.Scale), len(m.Weights), len(m.Bias), features, classes)
	}
	if err := checkScaling(m.Mean, m.Scale); err != nil {
		return err
	}
	if err := checkBounds("weight", m.Weights, maxWeight); err != nil {
		return err
	}
	if err := checkBounds("bias", m.Bias, maxWeight); err != nil {
		return err
	}
	m.inverses = inverses(m.Scale)
	return nil
}

// score implements scorer. It keeps the sums of two and three classes, the most frequent cases, in registers. The order
// of the additions of a class is the same in all cases.
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

// clamp clips a standardised value to ±maxWeight.
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

// normalise is softmax without the logarithm. It returns the largest logit, and the sum of the exponentials of the
// logits minus the largest. After this shift no exponential overflows, and the sum is at least 1.
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

// fitLogisticRegression minimises the loss of logisticRegressionParameters, starting from weights of zero. It makes no
// random choice and adds in a fixed order, so the result depends only on the rows and the hyperparameters.
//
// The optimiser is L-BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
// Mathematical Programming 45, 1989).
func fitLogisticRegression(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		L2            float64 `json:"l2"`
		MaxIterations int     `json:"max_iterations"`
		Tolerance     float64 `json:"tolerance"`
	}
	if err := s.read(&h); err != nil {
		return nil, err
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
			MajorIterations:   h.MaxIterations + 1, // gonum counts the starting point as an iteration
			Recorder:          &recorder{report: report, total: h.MaxIterations, loss: loss},
		},
		// NaN leaves the decision to GradientThreshold.
		&optimize.LBFGS{Linesearcher: &optimize.MoreThuente{}, GradStopThreshold: math.NaN()},
	)
	if err != nil && !atPrecisionLimit(err) {
		return nil, err
	}
	n := len(loss.mean) * len(t.Schema.Classes)
	return &logisticRegression{Mean: loss.mean, Scale: loss.scale, Weights: result.X[:n], Bias: result.X[n:]}, nil
}

// atPrecisionLimit reports whether the line search ended because float64 cannot distinguish better weights from the
// current ones, which are then the result. With the default tolerance and penalties from 0.01 to 1000, every fit that
// was tried converged earlier. Without a penalty, classes that a plane separates have no best weights, and the search
// ends here.
func atPrecisionLimit(err error) bool {
	return errors.Is(err, optimize.ErrLinesearcherFailure) || errors.Is(err, optimize.ErrLinesearcherBound) ||
		errors.Is(err, optimize.ErrNoProgress) || errors.Is(err, optimize.ErrNonDescentDirection)
}

// recorder reports each iteration of gonum's optimiser once.
type recorder struct {
	report func(Progress)
	total  int
	loss   *softmaxLoss
	next   int // the next iteration to report
}

// Init implements optimize.Recorder.
func (r *recorder) Init() error { return nil }

// Record implements optimize.Recorder. gonum does not record the last iteration of a run as a MajorIteration, but as
// the PostIteration that follows it.
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
	weights := g.Doubles("weights", m.Weights, g.Features, classes)
	logits := g.Node("Gemm", []string{z, weights, g.Doubles("bias", m.Bias, classes)})
	return g.Node("Softmax", []string{logits}, onnx.Int("axis", 1))
}
