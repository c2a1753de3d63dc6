package model

import "slices"

// onnx implements scorer. The tree that knows nothing is the first one: it has one leaf, which says base of each class.
func (f *randomForest) onnx(g *graph) string {
	classes := len(f.ClassWeights)
	trees := new(onnxTrees)
	trees.constant(len(f.Leaves))
	trees.ensemble(&f.Trees)
	base := slices.Repeat([]float64{f.base}, classes)
	shares := g.doubles("shares", slices.Concat(f.shares, base), len(f.Leaves)+1, classes)
	return g.summed(g.node("Gather", inputs(shares, g.leaves(trees))), trees.trees)
}
