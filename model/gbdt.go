package model

import (
	"fmt"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// gbdtParameters are the hyperparameters of GBDT. adaptGBDT says which numbers "auto" stands for.
var gbdtParameters = []parameter{
	integer("n_rounds", 0, 1, 10_000).orAuto().
		means("Maximum number of boosting rounds, each with one tree per class, or one in all for two classes."),
	number("learning_rate", 0, 0.001, 1).orAuto().
		means("The share of the step of a tree that is taken; a lower share needs more rounds."),
	integer("num_leaves", 0, 2, 1024).orAuto().means("Maximum number of leaves of a tree."),
	integer("max_depth", -1, 1, 100, -1).means("Maximum number of splits on the way to a leaf; -1 sets no limit."),
	integer("min_rows_leaf", 0, 1, 1_000_000).orAuto().means("Minimum number of rows in a leaf."),
	number("min_child_weight", 1e-3, 1e-6, 1e6).means("Minimum sum of second derivatives of the loss in a leaf."),
	number("l2", 1, 0, 1e6).
		means("Penalty on the values of the leaves, added to their sums of second derivatives; 0 sets none."),
	number("row_share", 1, 0.01, 1).means("The share of the rows that is drawn for each round."),
	number("feature_share", 0.5, 0.01, 1).means("The share of the features that is drawn for each tree."),
	integer("early_stopping_rounds", 0, 0, 1000).orAuto().
		means("Number of rounds in a row without a better log loss on the validation part after which training stops. " +
			"The best round is kept; 0 never stops early."),
	number("validation_share", 0, 0.01, 0.5).orAuto().
		means("The share of each class's rows that early stopping keeps for the validation part, from 2,000 rows on. " +
			"With auto, up to 6,000 rows, five folds find the number of rounds, and all rows train the model."),
	direction("monotone").leftUnsaid().
		means("Features with a direction, as in {\"age\": 1}. With 1 the probability of the second class never falls where " +
			"the feature rises, with -1 it never rises. For two classes, and for numbers and truth values."),
	array(array(name("interactions"), dataset.MaxColumns), maxGroups).leftUnsaid().
		means("Groups of features, as in [[\"age\", \"income\"], [\"city\"]]. A tree combines features of one group only. " +
			"All features of no group are one more group; an empty list lets all features meet."),
	classWeight,
}

// gbdt is gradient boosted trees. The score of a class is its base plus the values of the leaves that a row falls into,
// and softmax turns the scores into probabilities. With two classes only the second one has a score, relative to the
// first.
//
// The method is that of Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics
// 29, 2001. Its second-order steps are those of XGBoost (Chen and Guestrin, "XGBoost: a scalable tree boosting system",
// KDD 2016). Histograms and leaf-wise growth are those of LightGBM (Ke et al., NIPS 2017).
type gbdt struct {
	Base   []float64     `json:"base"`   // per score: its value without trees
	Trees  tree.Ensemble `json:"trees"`  // round by round, one per score
	Values []float64     `json:"values"` // per leaf
	// Codes has the codes of the features, as in dataset.Table; nil if all are numbers.
	Codes []int `json:"codes,omitempty"`
}

// scores returns the number of scores of a row.
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
	if err := checkBounds("base", m.Base, maxWeight); err != nil {
		return err
	}
	if err := checkBounds("value of leaf", m.Values, maxWeight); err != nil {
		return err
	}
	if err := m.Trees.Check(features, m.Codes, len(m.Values)); err != nil {
		return err
	}
	m.Trees.PrepareMasks(features, m.Codes)
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

// add adds the values of leaves to the scores. The leaves are those of the trees from first on.
func (m *gbdt) add(leaves []int32, first int, scores []float64) {
	if len(scores) == 1 { // a sum in a register is faster
		sum := scores[0]
		for _, leaf := range leaves {
			sum += m.Values[leaf]
		}
		scores[0] = sum
		return
	}
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
	addTrees(trees, &m.Trees, m.Codes)
	values := g.Doubles("values", slices.Concat(m.Values, m.Base), len(m.Values)+scores)
	steps := g.Node("Gather", []string{values, g.Leaves(trees)})
	rounds := trees.Len() / scores
	steps = g.Node("Reshape", []string{steps, g.Ints("shape", 0, rounds, scores)}) // 0 keeps the dimension of the rows
	sum := g.Summed(steps, rounds)
	if scores == 1 { // of two classes, the first has the score 0, in a column before that of the second
		sum = g.Node("Pad", []string{sum, g.Ints("pads", 0, 1, 0, 0)})
	}
	return g.Node("Softmax", []string{sum}, onnx.Int("axis", 1))
}
