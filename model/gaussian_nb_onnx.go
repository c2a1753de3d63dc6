package model

// onnx implements scorer. The squares are taken of differences, as the scorer does: written out as a product with x²
// and
// one with x, which MatMul could do, they would cancel where a mean is large and its variance small. A class without
// prior needs nothing of its own, because its constant is as low as in the scorer.
func (m *gaussianNB) onnx(g *graph) string {
	classes := len(m.Priors)
	x := g.node("Unsqueeze", inputs(onnxInput, g.ints("axis", 2))) // [N, features, 1]
	z := g.node("Sub", inputs(x, g.doubles("means", m.Means, g.features, classes)))
	z = g.node("Mul", inputs(z, g.doubles("inverses", m.inverses, g.features, classes)))
	z = g.node("Clip", inputs(z, g.doubles("lowest", []float64{-maxWeight}), g.doubles("highest", []float64{maxWeight})))
	squares := g.node("Mul", inputs(z, z))
	sum := g.node("ReduceSum", inputs(squares, g.ints("axis", 1)), intAttribute("keepdims", 0))
	joint := g.node("Sub", inputs(g.doubles("constants", m.constants, classes), sum))
	return g.node("Softmax", inputs(joint), intAttribute("axis", 1))
}
