package model

// onnx implements scorer.
func (m *logisticRegression) onnx(g *graph) string {
	classes := len(m.Bias)
	z := g.standardised(m.Mean, m.Scale, maxWeight)
	logits := g.node(
		"Gemm",
		inputs(z, g.doubles("weights", m.Weights, g.features, classes), g.doubles("bias", m.Bias, classes)),
	)
	return g.node("Softmax", inputs(logits), intAttribute("axis", 1))
}
