package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ensemble is binary trees in one array, for prediction: 16 bytes a node, the two children of a split
// side by side. What a leaf says is kept by its owner, under the number in leaf.
type ensemble struct {
	nodes []node
	leaf  []int32 // per node: the number of the leaf, -1 for a split
	roots []int32 // per tree

	masks *leafMasks // nil where walks are quicker; derived by prepareMasks
}

// node is a split: rows whose feature is below the threshold go to the node left, the others to left+1. A leaf has
// itself
// as left and the threshold NaN, which no value reaches, so a walk that goes on at a leaf stays there.
type node struct {
	threshold float64
	feature   int32
	left      int32
}

// maxNodes bounds the nodes of all trees together, so that an int32 counts them.
const maxNodes = math.MaxInt32 / 2

// grown is one tree as it is built: node 0 is the root, and both children of a node come after it.
type grown struct {
	nodes []node
	leaf  []int32
}

// add appends a node that is no split yet and returns its index.
func (g *grown) add() int32 {
	i := int32(len(g.nodes))
	g.nodes, g.leaf = append(g.nodes, node{math.NaN(), 0, i}), append(g.leaf, -1)
	return i
}

// split makes node i a split and returns its left child; the right one follows it.
func (g *grown) split(i int32, feature int, threshold float64) int32 {
	left := g.add()
	g.add()
	g.nodes[i] = node{threshold, int32(feature), left}
	return left
}

// find returns the number of the leaf that x falls into. As in walk, which way it goes is no branch.
func (g *grown) find(x []float64) int32 {
	at := int32(0)
	for {
		n := &g.nodes[at]
		next := n.left
		if x[n.feature] >= n.threshold {
			next++
		}
		if next == at {
			return g.leaf[at]
		}
		at = next
	}
}

// reserve makes room for that many nodes, if it isn't unreasonable.
func (t *ensemble) reserve(nodes int) {
	if nodes <= maxNodes {
		t.nodes, t.leaf = slices.Grow(t.nodes, nodes), slices.Grow(t.leaf, nodes)
	}
}

// append adds a tree whose leaf numbers become what renumber says.
func (t *ensemble) append(g *grown, renumber func(int32) int32) error {
	base := len(t.nodes)
	if base+len(g.nodes) > maxNodes {
		return fmt.Errorf("more than %d nodes", maxNodes)
	}
	t.roots = append(t.roots, int32(base))
	for i, n := range g.nodes {
		n.left += int32(base)
		l := g.leaf[i]
		if l >= 0 {
			l = renumber(l)
		}
		t.nodes, t.leaf = append(t.nodes, n), append(t.leaf, l)
	}
	return nil
}

// lanes is how many trees are walked at once. Each step of a walk waits for the node that the step before it led to;
// several walks side by side share that wait.
const lanes = 4

// walk returns the leaves, one per lane, that x falls into in the trees from first on. Lanes beyond the last tree
// repeat it.
func (t *ensemble) walk(x []float64, first int) (leaves [lanes]int32) {
	last := len(t.roots) - 1
	nodes := t.nodes
	a, b, c, d := t.roots[first], t.roots[min(first+1, last)], t.roots[min(first+2, last)], t.roots[min(first+3, last)]
	for {
		na, nb, nc, nd := &nodes[a], &nodes[b], &nodes[c], &nodes[d]
		a2, b2, c2, d2 := na.left, nb.left, nc.left, nd.left
		if x[na.feature] >= na.threshold {
			a2++
		}
		if x[nb.feature] >= nb.threshold {
			b2++
		}
		if x[nc.feature] >= nc.threshold {
			c2++
		}
		if x[nd.feature] >= nd.threshold {
			d2++
		}
		if (a^a2)|(b^b2)|(c^c2)|(d^d2) == 0 {
			return [lanes]int32{t.leaf[a], t.leaf[b], t.leaf[c], t.leaf[d]}
		}
		a, b, c, d = a2, b2, c2, d2
	}
}

// wideLanes is lanes for trees that no cache holds: their nodes come from so far away that many walks must wait for
// theirs
// at once. On near ones the four above are quicker. wideNodes is where that begins, at two megabytes.
const (
	wideLanes = 16
	wideNodes = 1 << 17
)

// walkWide puts into leaves what walk returns, for as many trees as there are or wideLanes of them, and returns how
// many.
func (t *ensemble) walkWide(x []float64, first int, leaves []int32) int {
	nodes := t.nodes
	walks := leaves[:copy(leaves[:wideLanes], t.roots[first:])]
	for moved := int32(1); moved != 0; {
		moved = 0
		for i, at := range walks {
			n := &nodes[at]
			next := n.left
			if x[n.feature] >= n.threshold {
				next++
			}
			moved |= at ^ next
			walks[i] = next
		}
	}
	for i, at := range walks {
		walks[i] = t.leaf[at]
	}
	return len(walks)
}

// search is what finding the leaves of a row takes, on the stack of who asks.
type search struct {
	at     [maskFeatures]int // the row in the masks
	leaves [maskTrees]int32
}

// begin must be called for a row before find.
func (t *ensemble) begin(x []float64, s *search) {
	if t.masks != nil {
		t.masks.locate(x, &s.at)
	}
}

// find returns the leaves that x falls into in the trees from first on, one or more of them, valid until the next call.
func (t *ensemble) find(x []float64, first int, s *search) []int32 {
	switch {
	case t.masks != nil:
		return s.leaves[:t.masks.find(&s.at, len(x), first, &s.leaves)]
	case len(t.nodes) > wideNodes:
		return s.leaves[:t.walkWide(x, first, s.leaves[:])]
	}
	leaves := t.walk(x, first)
	return s.leaves[:copy(s.leaves[:], leaves[:min(lanes, len(t.roots)-first)])]
}

// check checks what walk relies on, and that every leaf has a number below leaves. The shape is right by how trees are
// made: grown and decoded alike, children follow their parent.
func (t *ensemble) check(features, leaves int) error {
	if len(t.roots) == 0 {
		return errors.New("no trees")
	}
	for i, n := range t.nodes {
		switch l := int(t.leaf[i]); {
		case l >= leaves:
			return fmt.Errorf("node %d: leaf %d of %d", i, l, leaves)
		case l < 0 && int(n.feature) >= features:
			return fmt.Errorf("node %d: feature %d of %d", i, n.feature, features)
		case l < 0 && !within(n.threshold, math.MaxFloat64):
			return fmt.Errorf("node %d: threshold %v", i, n.threshold)
		}
	}
	return nil
}
