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
	t.leafTree, t.leafNode, t.leaves = append(t.leafTree, tree), append(t.leafNode, node), append(t.leaves, float64(number))
}

func (t *onnxTrees) add(tree, node int, mode string, feature int, threshold float64, yes, no int) {
	t.tree, t.node, t.modes = append(t.tree, tree), append(t.node, node), append(t.modes, mode)
	t.feature, t.thresholds = append(t.feature, feature), append(t.thresholds, threshold)
	t.yes, t.no = append(t.yes, yes), append(t.no, no)
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
