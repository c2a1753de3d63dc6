package model

import (
	"fmt"
	"slices"

	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// gbdtParameters are the hyperparameters of GBDT.
//
//   - n_rounds: boosting rounds at most, each with one tree per class (one in all for two classes).
//   - learning_rate: the part of a tree's step that is taken.
//   - num_leaves, max_depth: of a tree, at most; a max_depth of -1 sets no limit.
//   - min_rows_leaf, min_child_weight: rows, and sum of second derivatives, in a leaf at least.
//   - l2: the penalty on a leaf's value, added to its sum of second derivatives.
//   - row_share, feature_share: the part of the rows drawn per round, and of the features per tree.
//   - early_stopping_rounds: end when the log loss on a validation part hasn't improved for so many rounds, and keep
//     the best; 0 = never. Data of fewer rows than minStoppingRows is too little to be divided.
//   - validation_share: the part of each class's rows that early stopping sets aside.
//   - class_weight: see classWeight.
var gbdtParameters = []parameter{
	integer(
		"n_rounds",
		60,
		1,
		10_000,
	).means("Boosting rounds at most, each with one tree per class, or one in all for two classes."),
	number("learning_rate", 0.2, 0.001, 1).means("The part of a tree's step that is taken; lower needs more rounds."),
	integer("num_leaves", 63, 2, 1024).means("Leaves of a tree at most."),
	integer("max_depth", -1, 1, 100, -1).means("Splits on the way to a leaf at most; -1 sets no limit."),
	integer("min_rows_leaf", 10, 1, 1_000_000).means("Rows in a leaf at least."),
	number("min_child_weight", 1e-3, 1e-6, 1e6).means("Sum of second derivatives of the loss in a leaf at least."),
	number(
		"l2",
		1,
		0,
		1e6,
	).means("Penalty on the values of the leaves, added to their sums of second derivatives; 0 is none."),
	number("row_share", 1, 0.01, 1).means("The part of the rows that is drawn for each round."),
	number("feature_share", 0.5, 0.01, 1).means("The part of the features that is drawn for each tree."),
	integer(
		"early_stopping_rounds",
		10,
		0,
		1000,
	).means("Ends when the log loss on a validation part has not improved for so many rounds, and keeps the best; 0 is never."),
	number("validation_share", 0.1, 0.01, 0.5).means("The part of each class's rows that early stopping sets aside."),
	classWeight,
}

// gbdt is gradient boosted trees: base plus the values of the leaves that a row falls into are the classes' scores,
// and softmax makes them probabilities. With two classes there is one score, of the second class over the first.
//
// The method is Friedman's (Annals of Statistics 29, 2001) with second-order steps (XGBoost: Chen and Guestrin, KDD
// 2016) and histograms and leaf-wise growth (LightGBM: Ke et al., NIPS 2017).
type gbdt struct {
	Base   []float64     `json:"base"`   // per score: what it is without trees
	Trees  tree.Ensemble `json:"trees"`  // round by round, one per score
	Values []float64     `json:"values"` // per leaf
}

// scores is how many scores a row has.
func scores(classes int) int {
	if classes == 2 {
		return 1
	}
	return classes
}

// prepare implements scorer.
func (m *gbdt) prepare(features, classes int) error {
	if len(m.Base) != scores(classes) || m.Trees.Len()%scores(classes) != 0 {
		return fmt.Errorf("%d base scores and %d trees for %d classes", len(m.Base), m.Trees.Len(), classes)
	}
	for k, v := range m.Base {
		if !within(v, maxWeight) {
			return fmt.Errorf("base %d is %v, want a number within ±%v", k, v, maxWeight)
		}
	}
	for i, v := range m.Values {
		if !within(v, maxWeight) {
			return fmt.Errorf("leaf %d: value %v, want a number within ±%v", i, v, maxWeight)
		}
	}
	if err := m.Trees.Check(features, len(m.Values)); err != nil {
		return err
	}
	m.Trees.PrepareMasks(features)
	return nil
}

// score implements scorer.
func (m *gbdt) score(x, p []float64) {
	own := p
	if len(p) == 2 {
		p[0], own = 0, p[1:]
	}
	copy(own, m.Base)
	var s tree.Search
	m.Trees.Begin(x, &s)
	for first := 0; first < m.Trees.Len(); {
		leaves := m.Trees.Find(x, first, &s)
		m.add(leaves, first, own)
		first += len(leaves)
	}
	softmax(p)
}

// add adds to the scores the values of leaves, those of the trees from first on.
func (m *gbdt) add(leaves []int32, first int, scores []float64) {
	k := first % len(scores)
	for _, leaf := range leaves {
		scores[k] += m.Values[leaf]
		if k++; k == len(scores) {
			k = 0
		}
	}
}

// onnx implements scorer. The base scores are the first round, as trees of one leaf.
func (m *gbdt) onnx(g *onnx.Graph) string {
	scores := len(m.Base)
	trees := new(onnx.Trees)
	for k := range m.Base {
		trees.Leaf(k, 0, len(m.Values)+k)
	}
	addTrees(trees, &m.Trees)
	values := g.Doubles("values", slices.Concat(m.Values, m.Base), len(m.Values)+scores)
	steps := g.Node("Gather", []string{values, g.Leaves(trees)})
	rounds := trees.Len() / scores
	steps = g.Node("Reshape", []string{steps, g.Ints("shape", 0, rounds, scores)}) // 0 keeps the rows
	sum := g.Summed(steps, rounds)
	if scores == 1 { // of two classes, the first has the score 0, in a column before that of the second
		sum = g.Node("Pad", []string{sum, g.Ints("pads", 0, 1, 0, 0)})
	}
	return g.Node("Softmax", []string{sum}, onnx.Int("axis", 1))
}
