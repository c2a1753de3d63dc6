package model

import "slices"

// onnx implements scorer. The base scores are the first round: trees of one leaf.
func (m *gbdt) onnx(g *graph) string {
	scores := len(m.Base)
	trees := new(onnxTrees)
	for k := range m.Base {
		trees.constant(len(m.Values) + k)
	}
	trees.ensemble(&m.Trees)
	values := g.doubles("values", slices.Concat(m.Values, m.Base), len(m.Values)+scores)
	steps := g.node("Gather", inputs(values, g.leaves(trees)))
	rounds := trees.trees / scores
	steps = g.node("Reshape", inputs(steps, g.ints("shape", 0, rounds, scores))) // 0: the rows as they are
	sum := g.summed(steps, rounds)
	if scores == 1 { // the first class of two has the score 0, in a column before the second's
		sum = g.node("Pad", inputs(sum, g.ints("pads", 0, 1, 0, 0)))
	}
	return g.node("Softmax", inputs(sum), intAttribute("axis", 1))
}
