// Package tree grows decision trees on binned rows and finds the leaves that a row falls into. It does not know what a
// leaf predicts: a learner keeps that under the number of the leaf.
package tree

import "math"

// Tree is one tree while it is built. Node 0 is the root, and both children of a node follow it.
type Tree struct {
	Nodes []Node
	Leaf  []int32 // per node: the number of the leaf, -1 for a split

	subsets bool // whether a split is a subset
}

// Node is a split: rows whose feature is below the threshold go to the node Left, all others to Left+1. A leaf has its
// own index as Left and the threshold NaN. No value reaches NaN, so a walk that arrives at a leaf stays there.
//
// A negative Feature, ^f, marks a split of the categorical feature f. The bits of Threshold are then a Subset, and rows
// whose code is in it go to Left+1.
type Node struct {
	Threshold float64
	Feature   int32
	Left      int32
}

// NodeBytes is the memory that a node takes in an Ensemble, together with its leaf number.
const NodeBytes = 16 + 4

// maxNodes bounds the nodes of all trees of an ensemble, so that an int32 can count them.
const maxNodes = math.MaxInt32 / 2

// Add appends a node that is not a split yet and returns its index.
func (t *Tree) Add() int32 {
	i := int32(len(t.Nodes))
	t.Nodes, t.Leaf = append(t.Nodes, Node{math.NaN(), 0, i}), append(t.Leaf, -1)
	return i
}

// Split makes node i a split and returns the index of its left child. The right child follows the left one.
func (t *Tree) Split(i int32, feature int, threshold float64) int32 {
	left := t.Add()
	t.Add()
	t.Nodes[i] = Node{threshold, int32(feature), left}
	return left
}

// SplitSubset is Split for a categorical feature: rows whose code is in right go to the right child.
func (t *Tree) SplitSubset(i int32, feature int, right Subset) int32 {
	t.subsets = true
	return t.Split(i, ^feature, math.Float64frombits(uint64(right)))
}

// Find returns the number of the leaf that x falls into. The choice of a child is not a branch, as in Ensemble.walk.
func (t *Tree) Find(x []float64) int32 {
	if t.subsets {
		return t.findMixed(x)
	}
	at := int32(0)
	for {
		n := &t.Nodes[at]
		next := n.Left
		if x[n.Feature] >= n.Threshold {
			next++
		}
		if next == at {
			return t.Leaf[at]
		}
		at = next
	}
}
