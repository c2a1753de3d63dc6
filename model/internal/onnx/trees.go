package onnx

// Trees collects binary trees for Graph.Leaves. Trees and the nodes of a tree are numbered from 0, and node 0 is the
// root.
type Trees struct {
	trees int

	tree, node, feature, yes, no []int // per node
	modes                        []string
	thresholds                   []float64

	leafTree, leafNode []int // per leaf
	leaves             []float64
}

// Len returns the number of trees.
func (t *Trees) Len() int { return t.trees }

// Split adds a node that sends a row to the node left if its feature is below the threshold, and to right otherwise.
func (t *Trees) Split(tree, node, feature int, threshold float64, left, right int) {
	t.add(tree, node, "BRANCH_LT", feature, threshold, left, right)
}

// Subset adds a split that sends a row to the node yes if its feature equals one of codes, and to no otherwise. ONNX
// compares with one number per node, so the split becomes a chain of nodes that share the child yes. The first has the
// number node, and the others the numbers from next on. Subset returns how many others there are. onnxruntime makes one
// test of such a chain.
func (t *Trees) Subset(tree, node, feature int, codes []int, yes, no, next int) int {
	for i, code := range codes {
		other := no
		if i+1 < len(codes) {
			other = next + i
		}
		t.add(tree, node, "BRANCH_EQ", feature, float64(code), yes, other)
		node = other
	}
	return len(codes) - 1
}

// Leaf adds a leaf. Graph.Leaves returns its number for the rows that fall into it.
func (t *Trees) Leaf(tree, node, number int) {
	t.add(tree, node, "LEAF", 0, 0, 0, 0)
	t.leafTree, t.leafNode = append(t.leafTree, tree), append(t.leafNode, node)
	t.leaves = append(t.leaves, float64(number))
}

func (t *Trees) add(tree, node int, mode string, feature int, threshold float64, yes, no int) {
	t.trees = max(t.trees, tree+1)
	t.tree, t.node, t.modes = append(t.tree, tree), append(t.node, node), append(t.modes, mode)
	t.feature, t.thresholds = append(t.feature, feature), append(t.thresholds, threshold)
	t.yes, t.no = append(t.yes, yes), append(t.no, no)
}

// MaxLeaf is the highest leaf number of a graph: all integers up to it are exact in a float32.
const MaxLeaf = 1 << 24

// Leaves adds the trees and returns the name of the leaf numbers that the rows fall into, int64 [N, trees]. The caller
// maps them to what the leaves predict with a Gather.
//
// ONNX's own tree classifier adds up float32. Here each tree has its own target, so nothing is added, leaf numbers stay
// exact, and what a leaf predicts can be float64. The operator is the TreeEnsembleRegressor of version 3 of ai.onnx.ml,
// which every host has, unlike the TreeEnsemble of version 5.
func (g *Graph) Leaves(t *Trees) string {
	for _, n := range t.leaves {
		if n > MaxLeaf {
			g.Fail("leaf %.0f, want at most %d", n, MaxLeaf)
			break
		}
	}
	found := g.mlNode("TreeEnsembleRegressor", []string{g.Rows},
		Int("n_targets", t.trees),
		Text("aggregate_function", "SUM"),
		Text("post_transform", "NONE"),
		Ints("nodes_treeids", t.tree),
		Ints("nodes_nodeids", t.node),
		Ints("nodes_featureids", t.feature),
		Texts("nodes_modes", t.modes),
		Doubles("nodes_values_as_tensor", t.thresholds),
		Ints("nodes_truenodeids", t.yes),
		Ints("nodes_falsenodeids", t.no),
		Ints("target_treeids", t.leafTree),
		Ints("target_nodeids", t.leafNode),
		Ints("target_ids", t.leafTree),
		Doubles("target_weights_as_tensor", t.leaves),
	)
	return g.Node("Cast", []string{found}, Int("to", int(Int64)))
}
