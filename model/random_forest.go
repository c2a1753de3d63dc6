package model

import (
	"errors"
	"fmt"
	"slices"

	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

var randomForestParameters = []parameter{
	integer("n_trees", 100, 1, 2000).
		means("Number of trees. More trees give steadier probabilities, a larger model and slower predictions."),
	integer("max_depth", -1, 1, 100, -1).
		means("Maximum number of splits on the way to a leaf; -1 grows until the leaves are pure."),
	integer("min_rows_leaf", 1, 1, 1_000_000).
		means("Minimum number of rows in a leaf, where a row counts as often as the bootstrap drew it."),
	classWeight,
}

// randomForest averages the weighted shares of the classes in the leaves that a row falls into, one leaf per tree. A
// tenth of a tree that gives every class the same share joins the average. No probability is 0 then, so log loss is
// finite, and the order of the classes does not change.
//
// The method is that of Breiman, "Random forests", Machine Learning 45, 2001: each tree grows on a bootstrap of the
// rows, and each of its splits is chosen among √features of the features.
type randomForest struct {
	Trees        tree.Ensemble `json:"trees"`
	Leaves       [][]int       `json:"leaves"`        // the distinct leaves: rows by class, in lowest terms
	ClassWeights []float64     `json:"class_weights"` // weight of a row of each class
	OutOfBag     *OutOfBag     `json:"out_of_bag,omitempty"`
	// Codes has the codes of the features, as in dataset.Table; nil if all are numbers.
	Codes []int `json:"codes,omitempty"`

	shares []float64 // leaf by leaf, one per class, divided by the number of votes; derived by prepare
	base   float64   // the share of each class by the tree that knows nothing
}

// ignorance is the vote of the tree that knows nothing. A whole vote would make few and certain trees much less
// certain.
const ignorance = 0.1

// OutOfBag measures a random forest on its own training rows: each row is predicted by the trees that grew without it.
type OutOfBag struct {
	Rows     int     `json:"rows"`     // rows that some tree grew without; a sample if there are very many
	Accuracy float64 `json:"accuracy"` // share of these rows that are predicted right
	LogLoss  float64 `json:"log_loss"` // as in Metrics
}

// OutOfBag returns the out-of-bag score of a random forest. It returns false for other models, and for a forest with so
// few trees that every row is in all of them.
func (m *Model) OutOfBag() (OutOfBag, bool) {
	if f, ok := m.scorer.(*randomForest); ok && f.OutOfBag != nil {
		return *f.OutOfBag, true
	}
	return OutOfBag{}, false
}

// prepare implements scorer.
func (f *randomForest) prepare(features, classes int) error {
	if err := checkClassWeights(f.ClassWeights, classes); err != nil {
		return err
	}
	if err := f.Trees.Check(features, f.Codes, len(f.Leaves)); err != nil {
		return err
	}
	if o := f.OutOfBag; o != nil && !(o.Rows > 0 && o.Accuracy >= 0 && o.Accuracy <= 1 && o.LogLoss >= 0) {
		return errors.New("out-of-bag score out of range")
	}
	if err := checkLeaves(f.Leaves, classes); err != nil {
		return err
	}
	votes := float64(f.Trees.Len()) + ignorance
	f.base = ignorance / float64(classes) / votes
	f.shares = make([]float64, 0, len(f.Leaves)*classes)
	for i, counts := range f.Leaves {
		sum := 0.0
		for k, n := range counts {
			sum += float64(n) * f.ClassWeights[k]
		}
		if sum == 0 {
			return fmt.Errorf("leaf %d: no rows", i)
		}
		for k, n := range counts {
			f.shares = append(f.shares, float64(n)*f.ClassWeights[k]/sum/votes)
		}
	}
	f.Trees.PrepareMasks(features, f.Codes)
	return nil
}

// score implements scorer.
func (f *randomForest) score(x, p []float64) {
	for k := range p {
		p[k] = f.base
	}
	var s tree.Search
	f.Trees.Begin(x, &s)
	for first := 0; first < f.Trees.Len(); {
		leaves := f.Trees.Find(x, first, &s)
		f.vote(leaves, p)
		first += len(leaves)
	}
}

// vote adds the shares of leaves to p.
func (f *randomForest) vote(leaves []int32, p []float64) {
	if len(p) == 3 { // sums in registers are a quarter faster on small trees
		a, b, c := p[0], p[1], p[2]
		for _, leaf := range leaves {
			s := f.shares[int(leaf)*3:][:3]
			a, b, c = a+s[0], b+s[1], c+s[2]
		}
		p[0], p[1], p[2] = a, b, c
		return
	}
	for _, leaf := range leaves {
		for k, share := range f.shares[int(leaf)*len(p):][:len(p)] {
			p[k] += share
		}
	}
}

// onnx implements scorer. The first tree is the one that knows nothing: its only leaf gives base to each class.
func (f *randomForest) onnx(g *onnx.Graph) string {
	classes := len(f.ClassWeights)
	trees := new(onnx.Trees)
	trees.Leaf(0, 0, len(f.Leaves))
	addTrees(trees, &f.Trees, f.Codes)
	base := slices.Repeat([]float64{f.base}, classes)
	shares := g.Doubles("shares", slices.Concat(f.shares, base), len(f.Leaves)+1, classes)
	return g.Summed(g.Node("Gather", []string{shares, g.Leaves(trees)}), trees.Len())
}
