package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestMLPPart_gradient compares backpropagation with finite differences, weight by weight. The masks of dropout are the
// same each time, because the stream that draws them restarts.
func TestMLPPart_gradient(t *testing.T) {
	wine := load(t, "wine")
	rows := []int{0, 17, 60, 99, 130, 177}
	tests := []struct {
		name       string
		activation string
		hidden     []int
		dropout    float64
	}{
		{"no hidden layer", "relu", nil, 0},
		{"relu", "relu", []int{6}, 0},
		{"tanh", "tanh", []int{6}, 0},
		{"three layers of relu", "relu", []int{6, 5, 4}, 0},
		{"three layers of tanh", "tanh", []int{6, 5, 4}, 0},
		{"relu with dropout", "relu", []int{8, 6}, .3},
		{"tanh with dropout", "tanh", []int{8, 6}, .3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := mlpHyperparameters{HiddenLayers: test.hidden, Activation: test.activation, Dropout: test.dropout, BatchSize: 6}
			f := newMLPFit(t.Context(), wine, h, 5, []float64{.5, 2, 1})
			random := rand.New(rand.NewPCG(6, 7))
			for i := range f.theta {
				f.theta[i] += .1 * random.NormFloat64() // biases too, because a bias of 0 can hide a mistake
			}
			part := f.parts[0]
			loss := func() float64 {
				part.random.Seed(1, 2)
				part.run(rows)
				return part.loss
			}
			loss()
			analytic := slices.Clone(part.theta)
			const step = 1e-6
			for i, at := range f.theta {
				f.theta[i] = at + step
				above := loss()
				f.theta[i] = at - step
				below := loss()
				f.theta[i] = at
				if numeric := (above - below) / (2 * step); math.Abs(numeric-analytic[i]) > 1e-6 {
					t.Errorf("component %d: %v, want %v as by finite differences", i, analytic[i], numeric)
				}
			}
		})
	}
}

// TestAdam computes the first two steps with the formulas of the paper.
func TestAdam(t *testing.T) {
	a := newAdam(1, .1)
	theta := []float64{1}
	a.step(theta, []float64{4})
	if want := 1 - .1*4/(4+adamEpsilon/math.Sqrt(1-decaySecond)); math.Abs(theta[0]-want) > 1e-12 {
		t.Errorf("after one step %v, want %v: a step of the rate for a gradient of any size", theta[0], want)
	}
	before := theta[0]
	a.step(theta, []float64{-2})
	first, second := .9*.4-.1*2, .999*.016+.001*4
	if want := before - .1*(first/(1-.81))/math.Sqrt(second/(1-.999*.999)); math.Abs(theta[0]-want) > 1e-7 {
		t.Errorf("after two steps %v, want %v", theta[0], want)
	}
}

// TestMLP_sameBytes includes everything that is random or concurrent: dropout, validation, and many parts of a batch.
func TestMLP_sameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	s := Spec{
		Algorithm:       MLP,
		Seed:            3,
		Hyperparameters: json.RawMessage(`{"dropout":0.2,"early_stopping":"on","batch_size":300,"epochs":8}`),
	}
	data := load(t, "breast_cancer")
	first := encode(t, train(t, data, s))
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		if !bytes.Equal(encode(t, train(t, data, s)), first) {
			t.Errorf("with GOMAXPROCS %d the model differs", procs)
		}
	}
	s.Seed = 4
	if bytes.Equal(encode(t, train(t, data, s)), first) {
		t.Error("another seed gives the same model")
	}
}

// TestMLP_partsDoNotMatter checks that a step by many parts equals a step by one part up to rounding.
func TestMLP_partsDoNotMatter(t *testing.T) {
	wine := load(t, "wine")
	h := mlpHyperparameters{HiddenLayers: []int{8}, Activation: "relu", L2: 1, BatchSize: 178, LearningRate: .01}
	many, one := newMLPFit(
		t.Context(),
		wine,
		h,
		1,
		classWeights(wine, false),
	), newMLPFit(
		t.Context(),
		wine,
		h,
		1,
		classWeights(wine, false),
	)
	one.parts = one.parts[:1]
	if len(many.parts) != 6 {
		t.Fatalf("%d parts for 178 rows, want 6", len(many.parts))
	}
	for range 3 {
		a, b := many.epoch(), one.epoch()
		if math.Abs(a-b) > 1e-12 {
			t.Errorf("loss %v by many parts, %v by one", a, b)
		}
	}
}

func TestDivideRows(t *testing.T) {
	wine := load(t, "wine") // 59, 71 and 48 rows
	train, validation := divideRows(wine, .1, rand.New(rand.NewPCG(1, 1)))
	counts := make([]int, 3)
	for _, r := range validation {
		counts[wine.Y[r]]++
	}
	if !slices.Equal(counts, []int{5, 7, 4}) {
		t.Errorf("validation rows by class %v, want a tenth of each", counts)
	}
	if all := slices.Sorted(slices.Values(slices.Concat(train, validation))); !slices.Equal(all, rowsUpTo(178)) {
		t.Error("the two parts do not have every row once")
	}
	if train, validation := divideRows(wine, 0, rand.New(rand.NewPCG(1, 1))); len(train) != 178 || len(validation) != 0 {
		t.Errorf("%d and %d rows, want all and none", len(train), len(validation))
	}
}

func TestMLP_earlyStopping(t *testing.T) {
	small := noise(300, 3, 2, 1)
	large := noise(earlyStoppingRows, 3, 2, 1)
	h := mlpHyperparameters{Activation: "relu", BatchSize: 50, ValidationSize: .1}
	for _, test := range []struct {
		stopping string
		small    int
		large    int
	}{{"auto", 0, 1000}, {"on", 30, 1000}, {"off", 0, 0}} {
		h.EarlyStopping = test.stopping
		a := newMLPFit(t.Context(), small, h, 1, classWeights(small, false))
		b := newMLPFit(t.Context(), large, h, 1, classWeights(large, false))
		if len(a.validation) != test.small || len(b.validation) != test.large {
			t.Errorf("%s: %d and %d validation rows, want %d and %d",
				test.stopping, len(a.validation), len(b.validation), test.small, test.large)
		}
	}
}

// TestMLP_keepsBestWeights trains on noise, where the loss on the validation part soon rises.
func TestMLP_keepsBestWeights(t *testing.T) {
	h := mlpHyperparameters{
		HiddenLayers: []int{50}, Activation: "relu", BatchSize: 20, LearningRate: .03, Epochs: 100,
		EarlyStopping: "on", ValidationSize: .3, Patience: 5,
	}
	f := newMLPFit(t.Context(), noise(100, 10, 2, .2), h, 1, []float64{1, 1})
	lowest, last := math.Inf(1), 0.0
	epochs := 0
	if err := f.run(func(p Progress) {
		epochs = p.Iteration
		last = f.validationLoss()
		lowest = min(lowest, last)
	}); err != nil {
		t.Fatal(err)
	}
	if got := f.validationLoss(); got != lowest || got == last || epochs >= 100 {
		t.Errorf("validation loss %v after %d epochs, want %v, the lowest and not the last, %v", got, epochs, lowest, last)
	}
}

func TestMLP_progress(t *testing.T) {
	spec := Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(`{"epochs":30,"patience":30}`)}
	_, all := trainReported(t, load(t, "iris"), spec)
	if len(all) != 30 {
		t.Fatalf("%d reports, want one per epoch", len(all))
	}
	for i, p := range all {
		if p.Iteration != i+1 || p.Total != 30 {
			t.Errorf("report %d: iteration %d of %d, want %d of 30", i, p.Iteration, p.Total, i+1)
		}
	}
	if first, last := all[0].Loss, all[29].Loss; first < last || last > .4 {
		t.Errorf("loss from %v to %v, want it to fall below .4", first, last)
	}
}

func TestMLP_patience(t *testing.T) {
	last := 0
	spec := Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(`{"patience":3,"tolerance":1}`)}
	if _, err := Train(t.Context(), load(t, "iris"), spec, func(p Progress) { last = p.Iteration }); err != nil {
		t.Fatal(err)
	}
	if last != 4 { // the first epoch improves on nothing, and three epochs do not improve by 1
		t.Errorf("stopped after epoch %d, want 4", last)
	}
}

func TestMLP_cancelDuringFit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	last := 0
	_, err := Train(ctx, load(t, "wine"), Spec{Algorithm: MLP}, func(p Progress) {
		if last = p.Iteration; last == 4 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || last != 4 {
		t.Errorf("got %v after epoch %d, want context.Canceled after epoch 4, where it was cancelled", err, last)
	}
}

// TestMLP_cancelWithinAnEpoch matters because one epoch of many rows can take minutes.
func TestMLP_cancelWithinAnEpoch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	data := noise(20_000, 20, 3, 1)
	reports := 0
	_, err := Train(
		ctx,
		data,
		Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(`{"hidden_layers":[1000,1000]}`)},
		func(Progress) { reports++ },
	)
	if !errors.Is(err, context.DeadlineExceeded) || reports > 0 {
		t.Errorf("got %v after %d reports, want context.DeadlineExceeded before the first epoch ends", err, reports)
	}
}
