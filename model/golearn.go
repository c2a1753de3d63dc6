package model

// This is the only file that imports golearn. Of its parts, CART and the confusion matrix do what they say, on data
// that has been checked: golearn itself panics on no rows, on values near the largest float64 and on an unfitted tree,
// loops or mislearns on NaN, and answers class 0 when there is one class only or when the depth limit is 0. Train and
// the table of hyperparameters keep all of these away.

import (
	"fmt"
	"strconv"

	"github.com/sjwhitworth/golearn/base"
	"github.com/sjwhitworth/golearn/evaluation"
	"github.com/sjwhitworth/golearn/trees"

	"iris/internal/dataset"
)

// newGrid copies t into golearn's form: one FloatAttribute per feature and, as CART wants it, the class index as
// another.
func newGrid(t *dataset.Table) (*base.DenseInstances, error) {
	attributes := make([]base.Attribute, len(t.Schema.Features)+1)
	for i := range attributes {
		attributes[i] = base.NewFloatAttribute(strconv.Itoa(i))
	}
	grid, columns, err := newInstances(attributes, len(t.Y))
	if err != nil {
		return nil, err
	}
	for r, y := range t.Y {
		for f, v := range t.Row(r) {
			grid.Set(columns[f], r, base.PackFloatToBytes(v))
		}
		grid.Set(columns[len(columns)-1], r, base.PackFloatToBytes(float64(y)))
	}
	return grid, nil
}

// newInstances makes an empty golearn grid of that many rows. The last attribute is the class.
func newInstances(attributes []base.Attribute, rows int) (*base.DenseInstances, []base.AttributeSpec, error) {
	grid := base.NewDenseInstances()
	columns := make([]base.AttributeSpec, len(attributes))
	for i, a := range attributes {
		columns[i] = grid.AddAttribute(a)
	}
	if err := grid.AddClassAttribute(attributes[len(attributes)-1]); err != nil {
		return nil, nil, fmt.Errorf("golearn: %w", err)
	}
	if err := grid.Extend(rows); err != nil {
		return nil, nil, fmt.Errorf("golearn: %w", err)
	}
	return grid, columns, nil
}

// growTree fits golearn's CART to grid. It takes time quadratic in the rows and can't be interrupted.
func growTree(
	grid *base.DenseInstances,
	classes int,
	criterion string,
	maxDepth int64,
) (*trees.CARTDecisionTreeClassifier, error) {
	labels := make([]int64, classes)
	for i := range labels {
		labels[i] = int64(i)
	}
	tree := trees.NewDecisionTreeClassifier(criterion, maxDepth, labels)
	if err := tree.Fit(grid); err != nil {
		return nil, fmt.Errorf("golearn: %w", err)
	}
	return tree, nil
}

// flatten turns golearn's nodes into splits, breadth first: children come after their parent, and leaves, which
// golearn has as missing children, are numbered as they are met.
func flatten(tree *trees.CARTDecisionTreeClassifier) []treeSplit {
	nodes := listOf(tree.RootNode) // the type of a node has no name outside golearn
	var splits []treeSplit
	leaves := 0
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		s := treeSplit{Feature: int(n.Feature), Threshold: n.Threshold}
		if n.Left != nil {
			s.Left = len(nodes)
			nodes = append(nodes, n.Left)
		} else {
			s.Left = ^leaves
			leaves++
		}
		if n.Right != nil {
			s.Right = len(nodes)
			nodes = append(nodes, n.Right)
		} else {
			s.Right = ^leaves
			leaves++
		}
		splits = append(splits, s)
	}
	return splits
}

// listOf starts a slice of whatever type v has.
func listOf[T any](v T) []T { return []T{v} }

// confusionMatrix counts predictions: element [a][p] is the rows of class a that were predicted as p. golearn keeps
// only the pairs that occur, in maps by name; the classes go in by index, so no name can upset it.
func confusionMatrix(actual, predicted []int, classes int) ([][]int, error) {
	reference, err := newClasses(actual, classes)
	if err != nil {
		return nil, err
	}
	generated, err := newClasses(predicted, classes)
	if err != nil {
		return nil, err
	}
	counts, err := evaluation.GetConfusionMatrix(reference, generated)
	if err != nil {
		return nil, fmt.Errorf("golearn: %w", err)
	}
	matrix := make([][]int, classes)
	for a := range matrix {
		matrix[a] = make([]int, classes)
		for p := range matrix[a] {
			matrix[a][p] = counts[strconv.Itoa(a)][strconv.Itoa(p)]
		}
	}
	return matrix, nil
}

// newClasses makes a golearn grid that has a class column only.
func newClasses(indices []int, classes int) (*base.DenseInstances, error) {
	attribute := base.NewCategoricalAttribute()
	for k := range classes {
		attribute.GetSysValFromString(strconv.Itoa(k)) // registers the value; its number is k
	}
	grid, columns, err := newInstances([]base.Attribute{attribute}, len(indices))
	if err != nil {
		return nil, err
	}
	for r, k := range indices {
		grid.Set(columns[0], r, base.PackU64ToBytes(uint64(k)))
	}
	return grid, nil
}
