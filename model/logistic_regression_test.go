package model

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/optimize"

	"iris/internal/dataset"
)

// TestLogisticRegression_closedForm has a minimum that is easy to compute: with constant features, the biases fit the
// shares of the classes.
func TestLogisticRegression_closedForm(t *testing.T) {
	data := table([]int{0, 1, 1, 2, 2, 2, 2, 2}, slices.Repeat([][]float64{{4.2}}, 8)...)
	m := train(t, data, Spec{Hyperparameters: json.RawMessage(`{"l2":0,"tolerance":1e-9}`)})
	p := make([]float64, 3)
	if got := m.Predict([]float64{4.2}, p); got != 2 {
		t.Errorf("class %d, want 2", got)
	}
	for k, want := range []float64{1. / 8, 2. / 8, 5. / 8} {
		if math.Abs(p[k]-want) > 1e-6 {
			t.Errorf("probabilities %v, want the shares of the classes", p)
		}
	}
}

func TestSoftmaxLoss_gradient(t *testing.T) {
	wine := load(t, "wine")
	loss := newSoftmaxLoss(t.Context(), wine, 3, []float64{.5, 2, 1})
	theta := make([]float64, len(loss.grad))
	for i := range theta {
		theta[i] = math.Sin(float64(i)) // anywhere but at the minimum
	}
	analytic := make([]float64, len(theta))
	loss.gradient(analytic, theta)
	const h = 1e-6
	for i := range theta {
		at := theta[i]
		theta[i] = at + h
		above := loss.value(theta)
		theta[i] = at - h
		below := loss.value(theta)
		theta[i] = at
		if numeric := (above - below) / (2 * h); math.Abs(numeric-analytic[i]) > 1e-7 {
			t.Errorf("component %d: %v, want %v by finite differences", i, analytic[i], numeric)
		}
	}
}

// TestLogisticRegression_unitsDoNotMatter rescales and shifts a feature, which standardisation must undo.
func TestLogisticRegression_unitsDoNotMatter(t *testing.T) {
	iris := load(t, "iris")
	inMicrons := iris.Subset(rowsUpTo(iris.Rows()))
	for r := range inMicrons.Y {
		inMicrons.Row(r)[0] = 1e4*iris.Row(r)[0] + 1.7e9
	}
	a, b := train(t, iris, Spec{}), train(t, inMicrons, Spec{})
	p, q := make([]float64, 3), make([]float64, 3)
	for r := range iris.Y {
		a.Predict(iris.Row(r), p)
		b.Predict(inMicrons.Row(r), q)
		for k := range p {
			if math.Abs(p[k]-q[k]) > 1e-5 {
				t.Fatalf("row %d: %v in centimetres, %v in microns since 1970", r, p, q)
			}
		}
	}
}

func rowsUpTo(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

func TestLogisticRegression_l2Shrinks(t *testing.T) {
	iris := load(t, "iris")
	norm := func(hyperparameters string) float64 {
		m := train(t, iris, Spec{Hyperparameters: json.RawMessage(hyperparameters)})
		sum := 0.0
		for _, w := range m.scorer.(*logisticRegression).Weights {
			sum += w * w
		}
		return sum
	}
	weak, strong := norm(`{"l2":0.01}`), norm(`{"l2":100}`)
	if strong >= weak/10 {
		t.Errorf("squared weights %v at l2 0.01 and %v at l2 100, want far smaller ones", weak, strong)
	}
}

// TestLogisticRegression_penaltyOfTwoClasses has the values of scikit-learn 1.9's LogisticRegression on standardised
// features with C=1/l2 and a tolerance of 1e-12.
func TestLogisticRegression_penaltyOfTwoClasses(t *testing.T) {
	data := table([]int{0, 0, 1, 0, 1, 1}, [][]float64{{0}, {1}, {2}, {3}, {4}, {10}}...)
	for hyperparameters, want := range map[string]float64{
		`{"l2":1,"tolerance":1e-10}`: 0.45938903, `{"l2":10,"tolerance":1e-10}`: 0.4897969,
	} {
		p := make([]float64, 2)
		train(t, data, Spec{Hyperparameters: json.RawMessage(hyperparameters)}).Predict([]float64{2.5}, p)
		if math.Abs(p[1]-want) > 1e-7 {
			t.Errorf("%s: probability %v, want scikit-learn's %v", hyperparameters, p[1], want)
		}
	}
}

// TestLogisticRegression_constantFeature adds a constant to the features. It must change nothing, even for a row in
// which it has another value.
func TestLogisticRegression_constantFeature(t *testing.T) {
	iris := load(t, "iris")
	wider := &dataset.Table{Schema: iris.Schema, Y: iris.Y}
	wider.Schema.Features = append([]string{"constant"}, iris.Schema.Features...)
	for r := range iris.Y {
		wider.X = append(append(wider.X, 0.1), iris.Row(r)...)
	}
	a, b := train(t, iris, Spec{}), train(t, wider, Spec{})
	p, q := make([]float64, 3), make([]float64, 3)
	for r := range iris.Y {
		a.Predict(iris.Row(r), p)
		b.Predict(append([]float64{1e300}, iris.Row(r)...), q)
		for k := range p {
			if math.Abs(p[k]-q[k]) > 1e-9 {
				t.Fatalf("row %d: %v without the constant, %v with it", r, p, q)
			}
		}
	}
}

func TestLogisticRegression_extremeRows(t *testing.T) {
	checkExtremeRows(t, train(t, load(t, "iris"), Spec{Hyperparameters: json.RawMessage(`{"l2":0}`)}))
}

func TestSoftmax(t *testing.T) {
	tests := []struct {
		name   string
		logits []float64
		want   []float64
		logSum float64
	}{
		{"equal", []float64{3, 3}, []float64{.5, .5}, 3 + math.Ln2},
		{"one far above", []float64{1000, 0, -1000}, []float64{1, 0, 0}, 1000},
		{"all far below", []float64{-1e200, -1e200}, []float64{.5, .5}, -1e200},
		{"known", []float64{0, math.Log(3)}, []float64{.25, .75}, math.Log(4)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := softmax(test.logits); got != test.logSum {
				t.Errorf("logarithm of the sum %v, want %v", got, test.logSum)
			}
			for k, want := range test.want {
				if math.Abs(test.logits[k]-want) > 1e-15 {
					t.Errorf("probabilities %v, want %v", test.logits, test.want)
				}
			}
		})
	}
}

func TestLogisticRegression_progress(t *testing.T) {
	_, all := trainReported(t, load(t, "iris"), Spec{})
	if len(all) < 5 {
		t.Fatalf("%d reports, want one per iteration", len(all))
	}
	for i, p := range all {
		if p.Iteration != i || p.Total != 200 {
			t.Errorf("report %d: iteration %d of %d, want %d of 200", i, p.Iteration, p.Total, i)
		}
	}
	if got := all[0].Loss; math.Abs(got-math.Log(3)) > 1e-12 {
		t.Errorf("loss before the first step %v, want ln 3, that of a uniform guess", got)
	}
	iris := load(t, "iris")
	metrics, err := Evaluate(train(t, iris, Spec{}), iris)
	if err != nil {
		t.Fatal(err)
	}
	if got := all[len(all)-1].Loss; math.Abs(got-metrics.LogLoss) > 1e-9 {
		t.Errorf("last loss %v, want %v, the log loss on the training rows without the penalty", got, metrics.LogLoss)
	}
}

func TestLogisticRegression_maxIterations(t *testing.T) {
	var last Progress
	spec := Spec{Hyperparameters: json.RawMessage(`{"max_iterations":3}`)}
	_, err := Train(t.Context(), load(t, "iris"), spec, func(p Progress) { last = p })
	if err != nil || last.Iteration != 3 || last.Total != 3 {
		t.Errorf("stopped at %+v with %v, want iteration 3 of 3 and no error", last, err)
	}
}

// TestLogisticRegression_precisionLimit sets a tolerance that float64 cannot reach. The line search gives up, and its
// last weights are the result.
func TestLogisticRegression_precisionLimit(t *testing.T) {
	h := json.RawMessage(`{"tolerance":1e-12,"max_iterations":10000}`)
	tight := train(t, load(t, "breast_cancer"), Spec{Hyperparameters: h})
	metrics, err := Evaluate(tight, load(t, "breast_cancer"))
	if err != nil || metrics.Accuracy < .98 {
		t.Errorf("accuracy %v on the training rows, %v; want at least .98", metrics.Accuracy, err)
	}
}

func TestAtPrecisionLimit(t *testing.T) {
	for _, err := range []error{
		optimize.ErrLinesearcherFailure, optimize.ErrLinesearcherBound,
		optimize.ErrNoProgress, optimize.ErrNonDescentDirection,
	} {
		if !atPrecisionLimit(err) {
			t.Errorf("%v does not count as the precision limit", err)
		}
	}
	for _, err := range []error{context.Canceled, optimize.ErrFunc(math.NaN()), errors.New("other")} {
		if atPrecisionLimit(err) {
			t.Errorf("%v counts as the precision limit", err)
		}
	}
}

func TestLogisticRegression_cancelDuringFit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last Progress
	_, err := Train(ctx, load(t, "wine"), Spec{}, func(p Progress) {
		last = p
		if p.Iteration == 4 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || last.Iteration != 4 {
		t.Errorf("got %v after iteration %d, want context.Canceled after iteration 4", err, last.Iteration)
	}
}

// TestSoftmaxLoss_stopsWithinAPass matters because one pass over many rows can take seconds.
func TestSoftmaxLoss_stopsWithinAPass(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	loss := newSoftmaxLoss(ctx, load(t, "iris"), 1, []float64{1, 1, 1})
	theta := make([]float64, len(loss.grad))
	cancel()
	if got := loss.value(theta); got != 0 {
		t.Errorf("loss %v, want the pass to end before the first row", got)
	}
	if _, err := loss.status(); !errors.Is(err, context.Canceled) {
		t.Errorf("status %v, want it to end the run", err)
	}
}

// TestSoftmaxLoss_endlessLineSearch returns a wrong gradient, on which the line search of gonum does not terminate.
func TestSoftmaxLoss_endlessLineSearch(t *testing.T) {
	loss := newSoftmaxLoss(t.Context(), load(t, "iris"), 100, []float64{1, 1, 1})
	evaluations := 0
	wrong := func(grad, theta []float64) {
		evaluations++
		loss.gradient(grad, theta)
		weights, _ := split(theta, len(loss.p))
		for i, w := range weights {
			grad[i] -= 10. / 150 * w
		}
	}
	result, err := optimize.Minimize(
		optimize.Problem{Func: loss.value, Grad: wrong, Status: loss.status}, make([]float64, len(loss.grad)),
		&optimize.Settings{Recorder: &recorder{report: func(Progress) {}, loss: loss}},
		&optimize.LBFGS{Linesearcher: &optimize.MoreThuente{}},
	)
	if err != nil || result.Status != optimize.StepConvergence || result.F >= math.Log(3) {
		t.Errorf("status %v at loss %v after %d evaluations, %v; want StepConvergence at a loss below that of a guess",
			result.Status, result.F, evaluations, err)
	}
}

func TestLogisticRegressionPrepare(t *testing.T) {
	good := func() *logisticRegression {
		return &logisticRegression{
			Mean:    []float64{0, 1},
			Scale:   []float64{1, 2},
			Weights: []float64{1, 2, 3, 4},
			Bias:    []float64{5, 6},
		}
	}
	checkPrepare(t, good, 2, 2, []badScorer[*logisticRegression]{
		{"a mean missing", func(m *logisticRegression) { m.Mean = m.Mean[1:] }, "1 means"},
		{"a scale missing", func(m *logisticRegression) { m.Scale = nil }, "0 scales"},
		{"a weight too many", func(m *logisticRegression) { m.Weights = append(m.Weights, 0) }, "5 weights"},
		{"a bias too many", func(m *logisticRegression) { m.Bias = append(m.Bias, 0) }, "3 biases"},
		{"mean infinite", func(m *logisticRegression) { m.Mean[1] = math.Inf(1) }, "feature 1"},
		{"scale 0", func(m *logisticRegression) { m.Scale[0] = 0 }, "feature 0"},
		{"scale below 0", func(m *logisticRegression) { m.Scale[0] = -1 }, "feature 0"},
		{"scale NaN", func(m *logisticRegression) { m.Scale[1] = math.NaN() }, "feature 1"},
		{"weight NaN", func(m *logisticRegression) { m.Weights[3] = math.NaN() }, "weight 3"},
		{"weight out of range", func(m *logisticRegression) { m.Weights[0] = 2e100 }, "weight 0"},
		{"bias out of range", func(m *logisticRegression) { m.Bias[1] = -2e100 }, "bias 1"},
	})
}
