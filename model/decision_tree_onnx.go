package model

// onnx implements scorer. The nodes are the splits and, after them, the leaves.
func (t *decisionTree) onnx(g *graph) string {
	trees := &onnxTrees{trees: 1}
	node := func(child int) int {
		if child < 0 {
			return len(t.Splits) + ^child
		}
		return child
	}
	for i, s := range t.Splits {
		trees.split(0, i, s.Feature, s.Threshold, node(s.Left), node(s.Right))
	}
	for i := range t.Leaves {
		trees.leaf(0, node(^i), i)
	}
	leaf := g.node("Squeeze", inputs(g.leaves(trees), g.ints("axis", 1)))
	table := g.doubles("probabilities", t.probabilities, len(t.Leaves), len(t.Leaves[0]))
	return g.node("Gather", inputs(table, leaf))
}
