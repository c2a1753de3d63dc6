package tree

import (
	"errors"
	"fmt"
	"slices"
)

// Ensemble holds trees in one array for prediction. A node takes 16 bytes, and the two children of a split are
// neighbours. The zero value is an ensemble without trees.
type Ensemble struct {
	nodes []Node
	leaf  []int32 // per node: the number of the leaf, -1 for a split
	roots []int32 // per tree

	subsets bool // whether a split is a subset

	masks *leafMasks // derived by PrepareMasks; nil if walks are faster
}

// Len returns the number of trees.
func (e *Ensemble) Len() int { return len(e.roots) }

// Nodes returns the number of nodes of all trees.
func (e *Ensemble) Nodes() int { return len(e.nodes) }

// Size returns the number of nodes of one tree.
func (e *Ensemble) Size(tree int) int {
	if tree+1 < len(e.roots) {
		return int(e.roots[tree+1] - e.roots[tree])
	}
	return len(e.nodes) - int(e.roots[tree])
}

// Reserve makes room for that many nodes unless an ensemble cannot hold them.
func (e *Ensemble) Reserve(nodes int) {
	if nodes <= maxNodes {
		e.nodes, e.leaf = slices.Grow(e.nodes, nodes), slices.Grow(e.leaf, nodes)
	}
}

// Append adds t as the last tree. The leaf numbers of t go through renumber.
func (e *Ensemble) Append(t *Tree, renumber func(int32) int32) error {
	base := len(e.nodes)
	if base+len(t.Nodes) > maxNodes {
		return fmt.Errorf("more than %d nodes", maxNodes)
	}
	e.roots = append(e.roots, int32(base))
	e.subsets = e.subsets || t.subsets
	for i, n := range t.Nodes {
		n.Left += int32(base)
		l := t.Leaf[i]
		if l >= 0 {
			l = renumber(l)
		}
		e.nodes, e.leaf = append(e.nodes, n), append(e.leaf, l)
	}
	return nil
}

// Truncate keeps the first trees and drops all others. It returns one more than the highest leaf number that is left.
func (e *Ensemble) Truncate(trees int) (leaves int32) {
	if trees < len(e.roots) {
		end := e.roots[trees]
		e.roots, e.nodes, e.leaf = e.roots[:trees], e.nodes[:end], e.leaf[:end]
	}
	for _, l := range e.leaf {
		leaves = max(leaves, l+1)
	}
	return leaves
}

// Check checks that a row of that many features can be walked down every tree, and that every leaf number is below
// leaves. codes has the codes of the features, as in dataset.Table. Children follow their parent in grown and decoded
// trees, so the shape needs no check.
func (e *Ensemble) Check(features int, codes []int, leaves int) error {
	if len(e.roots) == 0 {
		return errors.New("no trees")
	}
	if err := CheckCodes(codes, features); err != nil {
		return err
	}
	for i, n := range e.nodes {
		l := int(e.leaf[i])
		if l >= leaves {
			return fmt.Errorf("node %d: leaf %d of %d", i, l, leaves)
		}
		if l < 0 {
			if err := n.Split().Check(features, codes); err != nil {
				return fmt.Errorf("node %d: %w", i, err)
			}
		}
	}
	return nil
}

// Visit calls split or leaf for every node, tree by tree. Within a tree a parent comes before its children and the left
// subtree before the right one. Nodes are numbered per tree: the root is 0, and each split gives its children the next
// two numbers. The numbers are the same in a fitted and in a decoded ensemble, unlike the order of the array.
func (e *Ensemble) Visit(
	split func(tree, node int, s Split, left, right int),
	leaf func(tree, node, number int),
) {
	type place struct {
		at   int32 // in nodes
		node int   // in the tree
	}
	var stack []place
	for tree, root := range e.roots {
		nodes := 1
		for stack = append(stack[:0], place{root, 0}); len(stack) > 0; {
			p := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if number := e.leaf[p.at]; number >= 0 {
				leaf(tree, p.node, int(number))
				continue
			}
			n := e.nodes[p.at]
			split(tree, p.node, n.Split(), nodes, nodes+1)
			stack = append(stack, place{n.Left + 1, nodes + 1}, place{n.Left, nodes})
			nodes += 2
		}
	}
}
