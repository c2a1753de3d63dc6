package model

import (
	"context"
	"fmt"
	"math"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

var decisionTreeParameters = []parameter{
	choice("criterion", "gini", "gini", "entropy").means("The impurity that a split lowers."),
	integer("max_depth", -1, 1, 100, -1).
		means("Maximum number of splits on the way to a leaf; -1 grows until the leaves are pure."),
}

// decisionTree is a binary tree in one array. A child is the index of a split, which is higher than that of its parent,
// or ^i, a negative number, for the leaf i. A tree without splits is the leaf 0.
//
// The method is CART (Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984), without
// pruning.
type decisionTree struct {
	Splits []treeSplit `json:"splits"`
	Leaves [][]int     `json:"leaves"` // per leaf: training rows by class
	// ClassWeights is the weight of a row of each class; nil means that all rows have the same weight.
	ClassWeights []float64 `json:"class_weights,omitempty"`
	// Codes has the codes of the features, as in dataset.Table; nil if all are numbers.
	Codes []int `json:"codes,omitempty"`

	probabilities []float64 // leaf by leaf, one per class; derived by prepare
}

// treeSplit sends a row to Left if its Feature is below Threshold, and to Right otherwise. If Subset is not empty, the
// feature is categorical, and treeSplit sends a row to Right if its code is in Subset, and to Left otherwise.
type treeSplit struct {
	Feature   int         `json:"feature"`
	Threshold float64     `json:"threshold"`
	Left      int         `json:"left"`
	Right     int         `json:"right"`
	Subset    tree.Subset `json:"subset,omitempty,string"` // a string, because not every JSON reader has 64-bit integers
}

// smoothing is added to the rows of each class in a leaf before the shares of the classes are computed (Laplace
// smoothing). No probability is 0 then, so log loss is finite, and a leaf of few rows is less certain than one of many.
// The order of the classes in a leaf does not change.
const smoothing = 1.0

// maxLeafRows bounds a count in an artifact, so that no sum of counts can overflow.
const maxLeafRows = 1 << 40

// prepare implements scorer. It checks that exactly one path leads to every split and leaf and that indexes ascend
// along it, so that score terminates for every row.
func (t *decisionTree) prepare(features, classes int) error {
	if len(t.Leaves) != len(t.Splits)+1 {
		return fmt.Errorf("%d leaves for %d splits, want one more than splits", len(t.Leaves), len(t.Splits))
	}
	reached := make(map[int]bool, len(t.Splits)+len(t.Leaves))
	if err := tree.CheckCodes(t.Codes, features); err != nil {
		return err
	}
	for i, s := range t.Splits {
		if err := s.condition().Check(features, t.Codes); err != nil {
			return fmt.Errorf("split %d: %w", i, err)
		}
		for _, child := range []int{s.Left, s.Right} {
			if child >= len(t.Splits) || child < 0 && ^child >= len(t.Leaves) || child >= 0 && child <= i {
				return fmt.Errorf("split %d: child %d is out of range", i, child)
			}
			if reached[child] {
				return fmt.Errorf("split %d: child %d has two parents", i, child)
			}
			reached[child] = true
		}
	}
	if err := checkLeaves(t.Leaves, classes); err != nil {
		return err
	}
	if t.ClassWeights != nil {
		if err := checkClassWeights(t.ClassWeights, classes); err != nil {
			return err
		}
	}
	t.derive(classes)
	return nil
}

// checkLeaves checks the rows by class of the leaves of an artifact.
func checkLeaves(leaves [][]int, classes int) error {
	for i, counts := range leaves {
		if len(counts) != classes {
			return fmt.Errorf("leaf %d: %d counts for %d classes", i, len(counts), classes)
		}
		for _, n := range counts {
			if n < 0 || n > maxLeafRows {
				return fmt.Errorf("leaf %d: %d rows", i, n)
			}
		}
	}
	return nil
}

// decisionTreeWeighs refuses weights with the entropy, which the grower looks up in a table by whole numbers of rows.
func decisionTreeWeighs(values map[string]any) string {
	if values["criterion"] == "entropy" {
		return "decision_tree weighs classes with the criterion gini only"
	}
	return ""
}

// derive computes the probabilities from the counts.
func (t *decisionTree) derive(classes int) {
	t.probabilities = make([]float64, 0, len(t.Leaves)*classes)
	for _, counts := range t.Leaves {
		rows := 0.0
		for k, n := range counts {
			rows += t.weigh(k, n)
		}
		for k, n := range counts {
			t.probabilities = append(t.probabilities, (t.weigh(k, n)+smoothing)/(rows+smoothing*float64(classes)))
		}
	}
}

// weigh returns the weight of n rows of class k.
func (t *decisionTree) weigh(k, n int) float64 {
	if t.ClassWeights == nil {
		return float64(n)
	}
	return t.ClassWeights[k] * float64(n)
}

// score implements scorer.
func (t *decisionTree) score(x, p []float64) {
	leaf := t.leaf(x)
	copy(p, t.probabilities[leaf*len(p):])
}

// leaf returns the index of the leaf that x falls into.
func (t *decisionTree) leaf(x []float64) int {
	if t.Codes != nil {
		return t.leafMixed(x)
	}
	if len(t.Splits) == 0 {
		return 0
	}
	at := 0
	for at >= 0 {
		s := &t.Splits[at]
		if x[s.Feature] < s.Threshold {
			at = s.Left
		} else {
			at = s.Right
		}
	}
	return ^at
}

// leafMixed is leaf for a tree with subsets.
func (t *decisionTree) leafMixed(x []float64) int {
	if len(t.Splits) == 0 {
		return 0
	}
	at := 0
	for at >= 0 {
		s := &t.Splits[at]
		left := x[s.Feature] < s.Threshold
		if s.Subset != 0 {
			left = s.Subset.Has(x[s.Feature]) == 0
		}
		if left {
			at = s.Left
		} else {
			at = s.Right
		}
	}
	return ^at
}

// condition returns the condition of s.
func (s treeSplit) condition() tree.Split {
	return tree.Split{Feature: s.Feature, Threshold: s.Threshold, Right: s.Subset}
}

// maxExactRows is the maximum number of rows for golearn's CART. Its fit takes time quadratic in the rows and cannot be
// interrupted: with 10 features, 3 to 14 seconds at this limit and minutes at ten times as many rows. A tree of more
// rows is grown on binned values, in about linear time; see tree.Bins.
const maxExactRows = 5000

// fitDecisionTree grows a tree and counts the training rows that fall into each of its leaves.
func fitDecisionTree(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		Criterion string `json:"criterion"`
		MaxDepth  int64  `json:"max_depth"`
	}
	if err := s.read(&h); err != nil {
		return nil, err
	}
	weights, err := s.weights(t, false)
	if err != nil {
		return nil, err
	}
	var splits []treeSplit
	if t.Rows() > maxExactRows || s.ClassWeight != nil ||
		codes(t) != nil { // golearn's CART knows neither weights nor codes
		splits, err = growBinned(ctx, t, h.Criterion, h.MaxDepth, weights)
	} else {
		splits, err = growExact(ctx, t, h.Criterion, h.MaxDepth)
	}
	if err != nil {
		return nil, err
	}
	m := &decisionTree{Splits: splits, Codes: codes(t)}
	if s.ClassWeight != nil {
		m.ClassWeights = weights
	}
	m.count(t)
	if m.rootIsVain() {
		m.Splits = nil
		m.count(t)
	}
	m.derive(len(t.Schema.Classes))
	report(Progress{Iteration: 1, Total: 1, Loss: m.meanLogLoss(t)})
	return m, nil
}

// growExact grows a tree with golearn, which tries a threshold between any two values of a feature.
func growExact(ctx context.Context, t *dataset.Table, criterion string, maxDepth int64) ([]treeSplit, error) {
	grid, err := newGrid(t)
	if err != nil {
		return nil, err
	}
	return recovered(ctx, func() ([]treeSplit, error) {
		grown, err := growTree(grid, len(t.Schema.Classes), criterion, maxDepth)
		if err != nil {
			return nil, err
		}
		return flatten(grown), nil
	})
}

// growBinned grows a tree with thresholds between bins. Unlike golearn and like scikit-learn, it continues if no single
// split lowers the impurity.
func growBinned(
	ctx context.Context,
	t *dataset.Table,
	criterion string,
	maxDepth int64,
	weights []float64,
) ([]treeSplit, error) {
	b, err := tree.NewBins(ctx, t)
	if err != nil {
		return nil, err
	}
	g := tree.NewClassGrower(b, weights)
	g.MaxDepth = int(maxDepth)
	if criterion == "entropy" {
		g.UseEntropy(t.Rows())
	}
	items := make([]tree.Item, t.Rows())
	for r, y := range t.Y {
		items[r] = tree.Item{Row: uint32(r), Class: uint32(y), Copies: 1}
	}
	grown, err := g.Grow(ctx, items, func([]int) {})
	if err != nil {
		return nil, err
	}
	return splitsOf(grown), nil
}

// splitsOf returns the splits of a tree. The leaves keep their numbers.
func splitsOf(t *tree.Tree) []treeSplit {
	place := make([]int, len(t.Nodes)) // of a node as a child
	found := 0
	for i, leaf := range t.Leaf {
		if leaf >= 0 {
			place[i] = ^int(leaf)
			continue
		}
		place[i] = found
		found++
	}
	splits := make([]treeSplit, 0, found)
	for i, n := range t.Nodes {
		if t.Leaf[i] < 0 {
			s := n.Split()
			splits = append(splits, treeSplit{s.Feature, s.Threshold, place[n.Left], place[n.Left+1], s.Right})
		}
	}
	return splits
}

// count sets Leaves from the rows of the table.
func (t *decisionTree) count(table *dataset.Table) {
	t.Leaves = make([][]int, len(t.Splits)+1)
	for i := range t.Leaves {
		t.Leaves[i] = make([]int, len(table.Schema.Classes))
	}
	for r, y := range table.Y {
		t.Leaves[t.leaf(table.Row(r))][y]++
	}
}

// rootIsVain reports whether the only split of the tree does not separate the classes: their shares are the same on
// both sides. golearn returns such a split, feature 0 at 0, if no split lowers the impurity, as with constant features
// and with an exclusive or. The label that it then gives to one of the sides is meaningless.
func (t *decisionTree) rootIsVain() bool {
	if len(t.Splits) != 1 {
		return false
	}
	left, right := t.Leaves[0], t.Leaves[1]
	leftRows, rightRows := 0, 0
	for k := range left {
		leftRows += left[k]
		rightRows += right[k]
	}
	for k := range left {
		if left[k]*rightRows != right[k]*leftRows {
			return false
		}
	}
	return true
}

// meanLogLoss returns the mean log loss of the tree on the rows of the table.
func (t *decisionTree) meanLogLoss(table *dataset.Table) float64 {
	classes, sum := len(table.Schema.Classes), 0.0
	for r, y := range table.Y {
		sum -= math.Log(t.probabilities[t.leaf(table.Row(r))*classes+y])
	}
	return sum / float64(len(table.Y))
}

// onnx implements scorer. The nodes of the tree are the splits, followed by the leaves.
func (t *decisionTree) onnx(g *onnx.Graph) string {
	trees := new(onnx.Trees)
	node := func(child int) int {
		if child < 0 {
			return len(t.Splits) + ^child
		}
		return child
	}
	next := len(t.Splits) + len(t.Leaves)
	for i, s := range t.Splits {
		next += addSplit(trees, 0, i, s.condition(), t.Codes, node(s.Left), node(s.Right), next)
	}
	for i := range t.Leaves {
		trees.Leaf(0, node(^i), i)
	}
	leaf := g.Node("Squeeze", []string{g.Leaves(trees), g.Ints("axis", 1)})
	table := g.Doubles("probabilities", t.probabilities, len(t.Leaves), len(t.Leaves[0]))
	return g.Node("Gather", []string{table, leaf})
}
