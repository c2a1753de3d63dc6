package model

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

// TestMLP_byHand checks a small network: three hidden units, one of them with a sum below 0, and two classes.
func TestMLP_byHand(t *testing.T) {
	tests := []struct {
		activation string
		hidden     []float64
	}{
		{"relu", []float64{2, 0, 4}},
		{"tanh", []float64{math.Tanh(2), math.Tanh(-1), math.Tanh(4)}},
	}
	for _, test := range tests {
		t.Run(test.activation, func(t *testing.T) {
			m := &mlp{
				Activation: test.activation, Mean: []float64{10, 0}, Scale: []float64{2, 1},
				Layers: []mlpLayer{
					{Weights: []float64{1, 0, 1, 0, -1, 1}, Biases: []float64{1, 1, 1}},
					{Weights: []float64{1, 0, 0, 1, 0, -1}, Biases: []float64{0, .5}},
				},
			}
			if err := m.prepare(2, 2); err != nil {
				t.Fatal(err)
			}
			p := make([]float64, 2)
			m.score([]float64{12, 2}, p) // standardised 1 and 2
			h := test.hidden
			if want := 1 / (1 + math.Exp(.5+h[1]-h[2]-h[0])); math.Abs(p[0]-want) > 1e-15 {
				t.Errorf("probability %v of the first class, want %v", p[0], want)
			}
		})
	}
}

// TestMLP_exclusiveOr checks that a network learns an exclusive or, which a linear model, a network without hidden
// layers, cannot.
func TestMLP_exclusiveOr(t *testing.T) {
	data := table([]int{0, 1, 1, 0}, []float64{-1, -1}, []float64{-1, 1}, []float64{1, -1}, []float64{1, 1})
	tests := []struct {
		name, hyperparameters string
		want                  float64
	}{
		{"hidden layer", `{"l2":0,"hidden_layers":[20],"tolerance":0}`, 1},
		{"none", `{"l2":0,"hidden_layers":[]}`, .75},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(test.hyperparameters)})
			metrics, err := Evaluate(m, data)
			if err != nil {
				t.Fatal(err)
			}
			if metrics.Accuracy > test.want || test.want == 1 && metrics.Accuracy < 1 {
				t.Errorf("accuracy %v, want %v", metrics.Accuracy, test.want)
			}
		})
	}
}

func TestMLP_extremeRows(t *testing.T) {
	for _, h := range []string{
		`{"l2":0,"learning_rate":1,"epochs":20}`, `{"activation":"tanh"}`, `{"hidden_layers":[4,4,4,4,4]}`,
	} {
		m := train(t, load(t, "iris"), Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(h)})
		checkExtremeRows(t, m)
	}
}

// TestMLP_largestWeights has the largest numbers that prepare accepts, in the deepest network. Nothing may overflow.
func TestMLP_largestWeights(t *testing.T) {
	m := &mlp{Activation: "relu", Mean: []float64{0}, Scale: []float64{1}}
	const units = 100
	inputs := 1
	for i := range maxHiddenLayers + 1 {
		n := units
		if i == maxHiddenLayers {
			n = 2
		}
		m.Layers = append(m.Layers, mlpLayer{
			Weights: slices.Repeat([]float64{maxMLPWeight}, inputs*n), Biases: slices.Repeat([]float64{-maxMLPWeight}, n),
		})
		inputs = n
	}
	if err := m.prepare(1, 2); err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 2)
	for _, x := range []float64{math.MaxFloat64, -math.MaxFloat64, 0} {
		m.score([]float64{x}, p)
		checkProbabilities(t, p)
	}
}

func TestMLPPrepare(t *testing.T) {
	good := func() *mlp {
		return &mlp{
			Activation: "tanh", Mean: []float64{0, 1}, Scale: []float64{1, 2},
			Layers: []mlpLayer{
				{Weights: make([]float64, 6), Biases: make([]float64, 3)},
				{Weights: make([]float64, 6), Biases: make([]float64, 2)},
			},
		}
	}
	checkPrepare(t, good, 2, 2, []badScorer[*mlp]{
		{"nothing", func(m *mlp) { *m = mlp{} }, "activation"},
		{"unknown activation", func(m *mlp) { m.Activation = "gelu" }, `activation "gelu"`},
		{"a mean missing", func(m *mlp) { m.Mean = m.Mean[1:] }, "1 means"},
		{"a scale too many", func(m *mlp) { m.Scale = append(m.Scale, 1) }, "3 scales"},
		{"mean infinite", func(m *mlp) { m.Mean[1] = math.Inf(-1) }, "feature 1"},
		{"scale 0", func(m *mlp) { m.Scale[0] = 0 }, "feature 0"},
		{"scale NaN", func(m *mlp) { m.Scale[0] = math.NaN() }, "feature 0"},
		{"no layers", func(m *mlp) { m.Layers = nil }, "0 layers"},
		{"too many layers", func(m *mlp) { m.Layers = make([]mlpLayer, 7) }, "7 layers"},
		{"a layer of nothing", func(m *mlp) { m.Layers[0] = mlpLayer{} }, "layer 0: 0 weights and 0 biases"},
		{
			"a weight missing",
			func(m *mlp) { m.Layers[1].Weights = make([]float64, 5) },
			"layer 1: 5 weights and 2 biases for 3 inputs",
		},
		{"a bias missing", func(m *mlp) { m.Layers[0].Biases = make([]float64, 2) }, "layer 0: 6 weights and 2 biases"},
		{"weight NaN", func(m *mlp) { m.Layers[1].Weights[5] = math.NaN() }, "layer 1: weight NaN"},
		{"weight too large", func(m *mlp) { m.Layers[0].Weights[0] = 2e10 }, "layer 0: weight 2e+10"},
		{"bias too large", func(m *mlp) { m.Layers[0].Biases[0] = -2e10 }, "layer 0: weight -2e+10"},
		{"too few outputs", func(m *mlp) {
			m.Layers[1] = mlpLayer{Weights: make([]float64, 3), Biases: make([]float64, 1)}
		}, "1 outputs for 2 classes"},
	})
}
