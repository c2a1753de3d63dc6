package model

// This is the only file that imports golearn. Its CART and its confusion matrix are correct on checked data. golearn
// panics without rows, on values near the largest float64, and on a tree that is not fitted. It does not terminate or
// learns nonsense on NaN, and it predicts class 0 if there is only one class or if the depth limit is 0. Train and the
// bounds of the hyperparameters prevent all of these.

import (
	"fmt"
	"strconv"

	"github.com/sjwhitworth/golearn/base"
	"github.com/sjwhitworth/golearn/evaluation"
	"github.com/sjwhitworth/golearn/trees"

	"iris/internal/dataset"
)

// newGrid copies t into a golearn grid: one FloatAttribute per feature and one for the class index, as CART expects.
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

// newInstances returns an empty golearn grid with that many rows. The last attribute is the class.
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

// growTree fits the CART of golearn to grid. It takes time quadratic in the rows and cannot be interrupted.
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

// flatten returns the nodes of golearn as splits, breadth first, so children follow their parent. golearn represents a
// leaf as a missing child. Leaves are numbered in the order in which flatten finds them.
func flatten(tree *trees.CARTDecisionTreeClassifier) []treeSplit {
	nodes := listOf(tree.RootNode) // the type of a node is not exported by golearn
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

// listOf returns a slice of v. It works for a type without an exported name.
func listOf[T any](v T) []T { return []T{v} }

// confusionMatrix counts predictions: element [a][p] is the number of rows of class a that were predicted as p. golearn
// returns only the pairs that occur, in maps by name. The names are class indexes, so a class name cannot confuse it.
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

// newClasses returns a golearn grid with a class column only.
func newClasses(indices []int, classes int) (*base.DenseInstances, error) {
	attribute := base.NewCategoricalAttribute()
	for k := range classes {
		attribute.GetSysValFromString(strconv.Itoa(k)) // registers the value with the number k
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
