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
//   - preset: 10-7-5 is the network of Iris's predecessor.
//   - l2: the penalty is l2/(2·rows) · Σ weights² without biases, as in logisticRegressionParameters.
//   - dropout: the method of Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
//     Journal of Machine Learning Research 15, 2014.
//   - early_stopping: the validation part is stratified. With it, the log loss on the validation part decides when to
//     stop, and the best weights are kept. Without it, the loss of the epoch decides, and the last weights are kept.
var mlpParameters = []parameter{
	choice("preset", "none", "none", "10-7-5").
		means("Other defaults by name: 10-7-5 is hidden_layers [10, 7, 5] with 700 epochs. " +
			"Given hyperparameters take precedence."),
	array(integer("hidden_layers", 0, 1, 1000), maxHiddenLayers, int64(100)).
		means("Units of each hidden layer, from the features to the classes; an empty list makes a linear model."),
	choice("activation", "relu", "relu", "tanh").means("The function that a hidden unit applies to its sum."),
	number("l2", 1, 0, 1e6).means("Strength of the penalty on large weights; 0 sets none."),
	number("dropout", 0, 0, 0.9).means("The share of the hidden units that each row is trained without."),
	integer("batch_size", 64, 1, 10_000).means("Rows per step of the optimiser."),
	integer("epochs", 200, 1, 10_000).means("Maximum number of passes over the rows."),
	number("learning_rate", 0.003, 1e-6, 1).means("Step size of the optimiser, Adam."),
	choice("early_stopping", "auto", "auto", "on", "off").
		means("Whether a part of the rows is kept for validation, to stop by the log loss there; " +
			"auto does so from 10,000 rows on."),
	number("validation_size", 0.1, 0.01, 0.5).
		means("The share of each class's rows that early stopping keeps for validation."),
	integer("patience", 10, 1, 10_000).
		means("Number of epochs in a row without a loss lower than the best by tolerance after which training stops."),
	number("tolerance", 5e-4, 0, 1).
		means("How much lower than the best a loss must be to count as an improvement, see patience."),
}

var mlpPresets = map[string]map[string]any{
	"10-7-5": {"hidden_layers": elements{int64(10), int64(7), int64(5)}, "epochs": int64(700)},
}

const (
	maxHiddenLayers = 5
	// maxMLPWeight bounds weights and biases. With inputs within ±maxWeight and layers of at most maxMLPUnits units, no
	// sum can overflow in maxHiddenLayers+1 layers. Fits stay far below it.
	maxMLPWeight = 1e10
	maxMLPUnits  = 1_000_000
)

// mlp is a multilayer perceptron: layers of weighted sums, an activation after each except the last, and softmax.
type mlp struct {
	Activation string     `json:"activation"`
	Mean       []float64  `json:"mean"`  // per feature
	Scale      []float64  `json:"scale"` // per feature: standard deviation over the training rows, or 1 if that is 0
	Layers     []mlpLayer `json:"layers"`

	scratch *sync.Pool // of *[]float64: a row and the values of all hidden units, so that a prediction does not allocate
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
	if err := checkScaling(m.Mean, m.Scale); err != nil {
		return err
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

// forward computes the sums of the units of a layer. With 20 inputs and 100 units, gonum's Gemv on each row took a
// third of the time of loops in Go, and half of the time of gonum's Gemm on a whole batch.
func (l mlpLayer) forward(in, out []float64) {
	copy(out, l.Biases)
	blas64.Gemv(blas.Trans, 1, l.matrix(), vector(in), 1, vector(out))
}

// matrix returns the weights as a matrix of gonum with a row per input.
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

// onnx implements scorer. Each layer is a Gemm, followed by the activation unless it is the last.
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
