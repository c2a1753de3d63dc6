package model

// onnx implements scorer: a Gemm per layer, each but the last with the activation behind it.
func (m *mlp) onnx(g *graph) string {
	operator := map[string]string{"relu": "Relu", "tanh": "Tanh"}[m.Activation]
	values := g.standardised(m.Mean, m.Scale, maxWeight)
	for i, l := range m.Layers {
		if i > 0 {
			values = g.node(operator, inputs(values))
		}
		units := len(l.Biases)
		weights := g.doubles("weights", l.Weights, len(l.Weights)/units, units)
		values = g.node("Gemm", inputs(values, weights, g.doubles("biases", l.Biases, units)))
	}
	return g.node("Softmax", inputs(values), intAttribute("axis", 1))
}
