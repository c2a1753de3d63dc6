package model

import (
	"errors"
	"fmt"
	"slices"

	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// randomForestParameters are the hyperparameters of RandomForest.
//
//   - n_trees: more make the probabilities steadier, the model larger and prediction slower.
//   - max_depth: splits on the way to a leaf at most, -1 for as many as it takes until the leaves are pure.
//   - min_rows_leaf: rows in a leaf at least, each counted as often as the bootstrap drew it.
//   - class_weight: see classWeight.
var randomForestParameters = []parameter{
	integer(
		"n_trees",
		100,
		1,
		2000,
	).means("Trees: more make the probabilities steadier, the model larger and prediction slower."),
	integer("max_depth", -1, 1, 100, -1).means("Splits on the way to a leaf at most; -1 grows until the leaves are pure."),
	integer(
		"min_rows_leaf",
		1,
		1,
		1_000_000,
	).means("Rows in a leaf at least, each counted as often as the bootstrap drew it."),
	classWeight,
}

// randomForest averages over its trees the shares of the classes in the leaf that a row falls into, weighted by class,
// with a tenth of a tree that knows nothing and says the same of each class: a probability is then never 0, so log loss
// stays finite, and the order of the classes doesn't change.
//
// It is Breiman's (Machine Learning 45, 2001): each tree grows on a bootstrap of the rows, and each of its splits is
// chosen among √features of the features.
type randomForest struct {
	Trees        tree.Ensemble `json:"trees"`
	Leaves       [][]int       `json:"leaves"`        // the leaves that differ: rows by class, in lowest terms
	ClassWeights []float64     `json:"class_weights"` // what a row of each class counts
	OutOfBag     *OutOfBag     `json:"out_of_bag,omitempty"`

	shares []float64 // leaf by leaf, one per class, divided by all votes; derived by prepare
	base   float64   // the share of the tree that knows nothing
}

// ignorance is the vote of the tree that knows nothing. A whole one would make few and sure trees much less sure.
const ignorance = 0.1

// OutOfBag is how good a random forest is on its own training rows when each is predicted by the trees only that were
// grown without it.
type OutOfBag struct {
	Rows     int     `json:"rows"`     // rows that some tree was grown without; of very many, a part
	Accuracy float64 `json:"accuracy"` // share of them predicted right
	LogLoss  float64 `json:"log_loss"` // as in Metrics
}

// OutOfBag returns the out-of-bag score of a random forest. Other models have none, nor has a forest of so few trees
// that every row is in all of them.
func (m *Model) OutOfBag() (OutOfBag, bool) {
	if f, ok := m.scorer.(*randomForest); ok && f.OutOfBag != nil {
		return *f.OutOfBag, true
	}
	return OutOfBag{}, false
}

// prepare implements scorer.
func (f *randomForest) prepare(features, classes int) error {
	if len(f.ClassWeights) != classes {
		return fmt.Errorf("%d class weights for %d classes", len(f.ClassWeights), classes)
	}
	for k, w := range f.ClassWeights {
		if !(w >= 1/maxClassWeight && w <= maxClassWeight) {
			return fmt.Errorf("class %d: weight %v", k, w)
		}
	}
	if err := f.Trees.Check(features, len(f.Leaves)); err != nil {
		return err
	}
	if o := f.OutOfBag; o != nil && !(o.Rows > 0 && o.Accuracy >= 0 && o.Accuracy <= 1 && o.LogLoss >= 0) {
		return errors.New("out-of-bag score out of range")
	}
	votes := float64(f.Trees.Len()) + ignorance
	f.base = ignorance / float64(classes) / votes
	f.shares = make([]float64, 0, len(f.Leaves)*classes)
	for i, counts := range f.Leaves {
		if len(counts) != classes {
			return fmt.Errorf("leaf %d: %d counts for %d classes", i, len(counts), classes)
		}
		sum := 0.0
		for k, n := range counts {
			if n < 0 || n > maxLeafRows {
				return fmt.Errorf("leaf %d: %d rows", i, n)
			}
			sum += float64(n) * f.ClassWeights[k]
		}
		if sum == 0 {
			return fmt.Errorf("leaf %d: no rows", i)
		}
		for k, n := range counts {
			f.shares = append(f.shares, float64(n)*f.ClassWeights[k]/sum/votes)
		}
	}
	f.Trees.PrepareMasks(features)
	return nil
}

// maxClassWeight bounds a weight in an artifact: a balanced one is below the number of rows and above 1/classes.
const maxClassWeight = 1e15

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

// vote adds to p what leaves say.
func (f *randomForest) vote(leaves []int32, p []float64) {
	if len(p) == 3 { // in registers, which is a quarter faster on small trees
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

// onnx implements scorer. The first tree is the one that knows nothing: its only leaf predicts base for each class.
func (f *randomForest) onnx(g *onnx.Graph) string {
	classes := len(f.ClassWeights)
	trees := new(onnx.Trees)
	trees.Leaf(0, 0, len(f.Leaves))
	addTrees(trees, &f.Trees)
	base := slices.Repeat([]float64{f.base}, classes)
	shares := g.Doubles("shares", slices.Concat(f.shares, base), len(f.Leaves)+1, classes)
	return g.Summed(g.Node("Gather", []string{shares, g.Leaves(trees)}), trees.Len())
}
