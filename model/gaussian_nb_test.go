package model

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestGaussianNB_byHand has two classes of two rows, with the means 1 and 5 and the variances 1 and 4. The variance of
// all rows, the largest one, is 6.5.
func TestGaussianNB_byHand(t *testing.T) {
	data := table([]int{0, 0, 1, 1}, []float64{0}, []float64{2}, []float64{3}, []float64{7})
	density := func(x, mean, variance float64) float64 {
		return math.Exp(-(x-mean)*(x-mean)/(2*variance)) / math.Sqrt(2*math.Pi*variance)
	}
	tests := []struct {
		name, hyperparameters string
		smooth                float64
		priors                []float64
	}{
		{"as it is", `{}`, 6.5e-9, []float64{.5, .5}},
		{"smoothed", `{"var_smoothing":0.1}`, .65, []float64{.5, .5}},
		{"priors, not adding up to 1", `{"priors":[1,3]}`, 6.5e-9, []float64{.25, .75}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: GaussianNB, Hyperparameters: json.RawMessage(test.hyperparameters)})
			if got := m.scorer.(*gaussianNB).Priors; !reflect.DeepEqual(got, test.priors) {
				t.Errorf("priors %v, want %v", got, test.priors)
			}
			p := make([]float64, 2)
			for _, x := range []float64{-4, 0, 1, 2.5, 3, 5, 6} {
				m.Predict([]float64{x}, p)
				a := test.priors[0] * density(x, 1, 1+test.smooth)
				b := test.priors[1] * density(x, 5, 4+test.smooth)
				if want := a / (a + b); math.Abs(p[0]-want) > 1e-12 {
					t.Errorf("x %v: probability %v of the first class, want %v", x, p[0], want)
				}
			}
		})
	}
}

// TestGaussianNB_classWithoutRows checks that a class without rows is never predicted.
func TestGaussianNB_classWithoutRows(t *testing.T) {
	data := table([]int{0, 2, 0, 2}, []float64{1}, []float64{3}, []float64{2}, []float64{4})
	for _, hyperparameters := range []string{`{}`, `{"priors":[1,98,1]}`} {
		m := train(t, data, Spec{Algorithm: GaussianNB, Hyperparameters: json.RawMessage(hyperparameters)})
		p := make([]float64, 3)
		for _, x := range []float64{0, 2.5, 1e9, math.MaxFloat64} {
			m.Predict([]float64{x}, p)
			if p[1] != 0 {
				t.Errorf("%s, x %v: probabilities %v, want 0 for the class without rows", hyperparameters, x, p)
			}
		}
		if got := m.scorer.(*gaussianNB).Priors; !reflect.DeepEqual(got, []float64{.5, 0, .5}) {
			t.Errorf("%s: priors %v, want 0 for the class without rows", hyperparameters, got)
		}
	}
}

func TestGaussianNB_extremeRows(t *testing.T) {
	checkExtremeRows(t, train(t, load(t, "iris"), Spec{Algorithm: GaussianNB}))
}

func TestGaussianNB_wrongNumberOfPriors(t *testing.T) {
	spec := Spec{Algorithm: GaussianNB, Hyperparameters: json.RawMessage(`{"priors":[1,1]}`)}
	_, err := Train(t.Context(), load(t, "iris"), spec, nil)
	var specErr *SpecError
	if !errors.As(err, &specErr) || specErr.Pointer != "/hyperparameters/priors" ||
		!strings.Contains(specErr.Reason, "2 priors, the data has 3 classes") {
		t.Errorf("got %v, want a *SpecError at /hyperparameters/priors", err)
	}
}

func TestGaussianNB_progress(t *testing.T) {
	wine := load(t, "wine")
	m, reports := trainReported(t, wine, Spec{Algorithm: GaussianNB})
	checkOneReport(t, m, wine, reports)
}

func TestGaussianNB_cancelDuringFit(t *testing.T) {
	ctx := &countdown{t.Context(), 2} // one call by Train and one at the first row
	_, err := Train(ctx, noise(2*rowsPerCheck, 2, 2, 1), Spec{Algorithm: GaussianNB}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestGaussianNBPrepare(t *testing.T) {
	good := func() *gaussianNB {
		return &gaussianNB{Priors: []float64{.25, .75}, Means: []float64{0, 1}, Variances: []float64{1, 2}}
	}
	checkPrepare(t, good, 1, 2, []badScorer[*gaussianNB]{
		{"a prior missing", func(m *gaussianNB) { m.Priors = m.Priors[1:] }, "1 priors"},
		{"a mean missing", func(m *gaussianNB) { m.Means = m.Means[1:] }, "1 means"},
		{"a variance too many", func(m *gaussianNB) { m.Variances = append(m.Variances, 1) }, "3 variances"},
		{"prior below 0", func(m *gaussianNB) { m.Priors = []float64{-.5, 1.5} }, "prior 0 is -0.5"},
		{"prior NaN", func(m *gaussianNB) { m.Priors[1] = math.NaN() }, "prior 1 is NaN"},
		{"priors that are not shares", func(m *gaussianNB) { m.Priors[1] = .5 }, "add up to 0.75"},
		{"mean infinite", func(m *gaussianNB) { m.Means[1] = math.Inf(1) }, "feature 0"},
		{"variance 0", func(m *gaussianNB) { m.Variances[0] = 0 }, "feature 0"},
		{"variance below 0", func(m *gaussianNB) { m.Variances[0] = -1 }, "feature 0"},
		{"variance infinite", func(m *gaussianNB) { m.Variances[1] = math.Inf(1) }, "feature 0"},
	})
}
