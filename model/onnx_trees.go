package model

// onnxTrees collects binary trees for graph.leaves. Nodes are numbered per tree, the root is 0.
type onnxTrees struct {
	trees int // how many; their numbers are below

	tree, node, feature, yes, no []int // per node
	modes                        []string
	thresholds                   []float64

	leafTree, leafNode []int // per leaf
	leaves             []float64
}

// split adds a node that sends a row to left when its feature is below the threshold, else to right.
func (t *onnxTrees) split(tree, node, feature int, threshold float64, left, right int) {
	t.add(tree, node, "BRANCH_LT", feature, threshold, left, right)
}

// leaf adds a leaf. Its number is what leaves gives for the rows that fall into it.
func (t *onnxTrees) leaf(tree, node, number int) {
	t.add(tree, node, "LEAF", 0, 0, 0, 0)
	t.leafTree, t.leafNode, t.leaves = append(
		t.leafTree,
		tree,
	), append(
		t.leafNode,
		node,
	), append(
		t.leaves,
		float64(number),
	)
}

func (t *onnxTrees) add(tree, node int, mode string, feature int, threshold float64, yes, no int) {
	t.tree, t.node, t.modes = append(t.tree, tree), append(t.node, node), append(t.modes, mode)
	t.feature, t.thresholds = append(t.feature, feature), append(t.thresholds, threshold)
	t.yes, t.no = append(t.yes, yes), append(t.no, no)
}

// constant adds a tree of one leaf, behind those that are there.
func (t *onnxTrees) constant(number int) {
	t.leaf(t.trees, 0, number)
	t.trees++
}

// ensemble adds the trees of e, behind those that are there. Nodes come in preorder, because their order in e is not
// the
// same in a fitted and a decoded model.
func (t *onnxTrees) ensemble(e *ensemble) {
	type place struct {
		at   int32 // in e
		node int   // in the tree
	}
	var stack []place
	for _, root := range e.roots {
		nodes := 1
		for stack = append(stack[:0], place{root, 0}); len(stack) > 0; {
			p := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if number := e.leaf[p.at]; number >= 0 {
				t.leaf(t.trees, p.node, int(number))
				continue
			}
			n := e.nodes[p.at]
			t.split(t.trees, p.node, int(n.feature), n.threshold, nodes, nodes+1)
			stack = append(stack, place{n.left + 1, nodes + 1}, place{n.left, nodes})
			nodes += 2
		}
		t.trees++
	}
}

// maxONNXLeaf is the highest leaf number that a float32 holds exactly.
const maxONNXLeaf = 1 << 24

// leaves adds the trees and returns, as int64 [N, trees], the number of the leaf that each row falls into. A Gather
// turns these into whatever the leaves say. ONNX's own tree classifier adds up float32; as each tree has a target of
// its own here, nothing is added, whole numbers stay exact, and what the leaves say can be float64. The operator is the
// regressor of onnxMLDomain's version 3, which every host has, unlike version 5's TreeEnsemble.
func (g *graph) leaves(t *onnxTrees) string {
	for _, n := range t.leaves {
		if n > maxONNXLeaf {
			g.fail("leaf %.0f, want at most %d", n, maxONNXLeaf)
			break
		}
	}
	found := g.mlNode("TreeEnsembleRegressor", inputs(onnxInput),
		intAttribute("n_targets", t.trees),
		stringAttribute("aggregate_function", "SUM"),
		stringAttribute("post_transform", "NONE"),
		intsAttribute("nodes_treeids", t.tree),
		intsAttribute("nodes_nodeids", t.node),
		intsAttribute("nodes_featureids", t.feature),
		stringsAttribute("nodes_modes", t.modes),
		doublesAttribute("nodes_values_as_tensor", t.thresholds),
		intsAttribute("nodes_truenodeids", t.yes),
		intsAttribute("nodes_falsenodeids", t.no),
		intsAttribute("target_treeids", t.leafTree),
		intsAttribute("target_nodeids", t.leafNode),
		intsAttribute("target_ids", t.leafTree),
		doublesAttribute("target_weights_as_tensor", t.leaves),
	)
	return g.node("Cast", inputs(found), intAttribute("to", int(onnxInt64)))
}

// summed adds up values [N, count, …] over their second dimension. CumSum adds one after the other, as the scorers do,
// where ReduceSum may add in any order: then what ties in a scorer would not always tie here.
func (g *graph) summed(values string, count int) string {
	sums := g.node("CumSum", inputs(values, g.integer("axis", 1)))
	return g.node("Gather", inputs(sums, g.integer("last", count-1)), intAttribute("axis", 1))
}
