package model

import (
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"iris/model/internal/onnx"
)

// mlpParameters are the hyperparameters of MLP.
//
//   - preset: "10-7-5" is the network that Iris's predecessor had, with 700 epochs. It changes the defaults; what is
//     given besides still counts.
//   - hidden_layers: units of each hidden layer, from the features to the classes; none at all make a linear model.
//   - activation: of the hidden layers.
//   - l2: strength of the penalty l2/(2·rows) · Σ weights², biases not included: that of logistic_regression.
//   - dropout: the share of the hidden units that each row is trained without (Srivastava et al., "Dropout: a simple
//     way to prevent neural networks from overfitting", 2014).
//   - batch_size: rows per step.
//   - epochs: passes over the rows at most.
//   - learning_rate: of Adam.
//   - early_stopping: whether a part of the rows is kept from the steps, to stop by the log loss there and to go back
//     to the weights that were best; auto does so from 10,000 rows on. Otherwise the loss of the epoch itself decides
//     when to stop, and the last weights count.
//   - validation_size: the share of that part, stratified.
//   - patience: epochs in a row without a loss lower than the best by tolerance, after which training stops.
//   - tolerance: see patience.
var mlpParameters = []parameter{
	choice(
		"preset",
		"none",
		"none",
		"10-7-5",
	).means("Other defaults by name: 10-7-5 is hidden_layers [10, 7, 5] with 700 epochs; what is given besides still counts."),
	array(
		integer("hidden_layers", 0, 1, 1000),
		maxHiddenLayers,
		int64(100),
	).means("Units of each hidden layer, from the features to the classes; none at all make a linear model."),
	choice("activation", "relu", "relu", "tanh").means("What each unit of a hidden layer makes of its sum."),
	number("l2", 1, 0, 1e6).means("Strength of the penalty on large weights; 0 is none."),
	number("dropout", 0, 0, 0.9).means("The share of the hidden units that each row is trained without."),
	integer("batch_size", 64, 1, 10_000).means("Rows per step of the optimiser."),
	integer("epochs", 200, 1, 10_000).means("Passes over the rows at most."),
	number("learning_rate", 0.003, 1e-6, 1).means("Step size of the optimiser, Adam."),
	choice(
		"early_stopping",
		"auto",
		"auto",
		"on",
		"off",
	).means("Whether a part of the rows is kept from the steps to stop by the log loss there; auto does so from 10,000 rows on."),
	number(
		"validation_size",
		0.1,
		0.01,
		0.5,
	).means("The share of each class's rows that early stopping keeps from the steps."),
	integer(
		"patience",
		10,
		1,
		10_000,
	).means("Epochs in a row without a loss lower than the best by tolerance, after which training stops."),
	number(
		"tolerance",
		5e-4,
		0,
		1,
	).means("How much lower than the best a loss must be to count as an improvement, see patience."),
}

var mlpPresets = map[string]map[string]any{
	"10-7-5": {"hidden_layers": elements{int64(10), int64(7), int64(5)}, "epochs": int64(700)},
}

const (
	maxHiddenLayers = 5
	// maxMLPWeight bounds weights and biases: with it, with inputs within ±maxWeight and with layers of less than a
	// million units, no sum can overflow on the way through maxHiddenLayers+1 layers. Fits stay far below.
	maxMLPWeight = 1e10
	maxMLPUnits  = 1_000_000
)

// mlp is a multilayer perceptron: layers of weighted sums, each but the last with an activation behind it, and softmax.
type mlp struct {
	Activation string     `json:"activation"`
	Mean       []float64  `json:"mean"`  // per feature
	Scale      []float64  `json:"scale"` // per feature: standard deviation over the training rows, 1 where that is 0
	Layers     []mlpLayer `json:"layers"`

	scratch *sync.Pool // of *[]float64, a row and the values of all hidden units, so that a prediction allocates nothing
}

// mlpLayer computes biases + weightsᵀ · inputs.
type mlpLayer struct {
	Weights []float64 `json:"weights"` // input by input, one per unit
	Biases  []float64 `json:"biases"`  // per unit
}

// prepare implements scorer.
func (m *mlp) prepare(features, classes int) error {
	if m.Activation != "relu" && m.Activation != "tanh" {
		return fmt.Errorf("activation %q, want relu or tanh", clip(m.Activation))
	}
	if len(m.Mean) != features || len(m.Scale) != features {
		return fmt.Errorf("%d means and %d scales for %d features", len(m.Mean), len(m.Scale), features)
	}
	for f := range features {
		if !within(m.Mean[f], math.MaxFloat64) || !within(m.Scale[f], math.MaxFloat64) || m.Scale[f] <= 0 {
			return fmt.Errorf("feature %d: mean %v, scale %v", f, m.Mean[f], m.Scale[f])
		}
	}
	if n := len(m.Layers); n < 1 || n > maxHiddenLayers+1 {
		return fmt.Errorf("%d layers, want 1 to %d", n, maxHiddenLayers+1)
	}
	inputs, hidden := features, 0
	for i, l := range m.Layers {
		units := len(l.Biases)
		if units < 1 || units > maxMLPUnits || len(l.Weights) != inputs*units {
			return fmt.Errorf("layer %d: %d weights and %d biases for %d inputs", i, len(l.Weights), units, inputs)
		}
		for _, values := range [][]float64{l.Weights, l.Biases} {
			for _, v := range values {
				if !within(v, maxMLPWeight) {
					return fmt.Errorf("layer %d: weight %v, want a number within ±%v", i, v, maxMLPWeight)
				}
			}
		}
		inputs = units
		hidden += units
	}
	if inputs != classes {
		return fmt.Errorf("%d outputs for %d classes", inputs, classes)
	}
	m.scratch = &sync.Pool{New: func() any {
		values := make([]float64, features+hidden-classes)
		return &values
	}}
	return nil
}

// score implements scorer.
func (m *mlp) score(x, p []float64) {
	scratch := m.scratch.Get().(*[]float64)
	values := *scratch
	in, values := values[:len(x)], values[len(x):]
	standardiseRow(in, x, m.Mean, m.Scale, maxWeight)
	last := len(m.Layers) - 1
	for _, l := range m.Layers[:last] {
		out := values[:len(l.Biases)]
		l.forward(in, out)
		activate(m.Activation, out)
		in, values = out, values[len(out):]
	}
	m.Layers[last].forward(in, p)
	normalise(p)
	m.scratch.Put(scratch)
}

// forward computes the sums of the layer's units. With 20 inputs and 100 units gonum's Gemv, row by row, took a third
// of
// the time of loops in Go and half of that of gonum's Gemm for a whole batch.
func (l mlpLayer) forward(in, out []float64) {
	copy(out, l.Biases)
	blas64.Gemv(blas.Trans, 1, l.matrix(), vector(in), 1, vector(out))
}

// matrix is the weights as gonum wants them: a row per input.
func (l mlpLayer) matrix() blas64.General {
	units := len(l.Biases)
	return blas64.General{Rows: len(l.Weights) / units, Cols: units, Stride: units, Data: l.Weights}
}

func vector(v []float64) blas64.Vector { return blas64.Vector{N: len(v), Inc: 1, Data: v} }

// activate replaces the sums of hidden units by their values.
func activate(activation string, v []float64) {
	if activation == "tanh" {
		for i := range v {
			v[i] = math.Tanh(v[i])
		}
		return
	}
	for i := range v {
		v[i] = max(v[i], 0)
	}
}

// onnx implements scorer: a Gemm per layer, each but the last with the activation behind it.
func (m *mlp) onnx(g *onnx.Graph) string {
	operator := map[string]string{"relu": "Relu", "tanh": "Tanh"}[m.Activation]
	values := g.Standardised(m.Mean, m.Scale, maxWeight)
	for i, l := range m.Layers {
		if i > 0 {
			values = g.Node(operator, []string{values})
		}
		units := len(l.Biases)
		weights := g.Doubles("weights", l.Weights, len(l.Weights)/units, units)
		values = g.Node("Gemm", []string{values, weights, g.Doubles("biases", l.Biases, units)})
	}
	return g.Node("Softmax", []string{values}, onnx.Int("axis", 1))
}
