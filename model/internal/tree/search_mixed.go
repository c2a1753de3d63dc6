package tree

import "math"

// The walks in this file are those of trees with subsets. They are separate, so that trees without subsets do not pay
// for them.

// next returns the node that follows n for the row x. A processor cannot predict the kind of the next split, so next
// computes both answers and takes one without a branch.
func (n *Node) next(x []float64) int32 {
	subset := n.Feature >> 31 // all ones for a subset, 0 for a threshold
	v := x[n.Feature^subset]
	reached := int32(0)
	if v >= n.Threshold {
		reached = 1
	}
	return n.Left + (Subset(math.Float64bits(n.Threshold)).Has(v)&subset | reached&^subset)
}

// findMixed is Find for a tree with subsets.
func (t *Tree) findMixed(x []float64) int32 {
	at := int32(0)
	for {
		next := t.Nodes[at].next(x)
		if next == at {
			return t.Leaf[at]
		}
		at = next
	}
}

// walkMixed is walkWide for trees with subsets.
func (e *Ensemble) walkMixed(x []float64, first int, leaves []int32) int {
	nodes := e.nodes
	walks := leaves[:copy(leaves[:wideLanes], e.roots[first:])]
	for moved := int32(1); moved != 0; {
		moved = 0
		for i, at := range walks {
			next := nodes[at].next(x)
			moved |= at ^ next
			walks[i] = next
		}
	}
	for i, at := range walks {
		walks[i] = e.leaf[at]
	}
	return len(walks)
}
