package tree

// Search holds the buffers of one search for the leaves of a row. It is made to live on the caller's stack.
type Search struct {
	at     [maxMaskGroups]int32 // the row in the masks
	leaves [maskTrees]int32
}

// Begin prepares s for the row x. It must be called before Find.
func (e *Ensemble) Begin(x []float64, s *Search) {
	switch {
	case e.masks == nil:
	case e.subsets:
		e.masks.locateMixed(x, &s.at)
	default:
		e.masks.locate(x, &s.at)
	}
}

// Find returns the leaves that x falls into in one or more trees, beginning with the tree first. The slice is valid
// until the next call.
func (e *Ensemble) Find(x []float64, first int, s *Search) []int32 {
	switch {
	case e.masks != nil:
		return s.leaves[:e.masks.find(&s.at, first, &s.leaves)]
	case e.subsets:
		return s.leaves[:e.walkMixed(x, first, s.leaves[:])]
	case len(e.nodes) > wideNodes:
		return s.leaves[:e.walkWide(x, first, s.leaves[:])]
	}
	leaves := e.walk(x, first)
	return s.leaves[:copy(s.leaves[:], leaves[:min(lanes, len(e.roots)-first)])]
}

// lanes is how many trees are walked side by side. Each step of a walk waits for the node that the step before it led
// to, and several walks share that wait.
const lanes = 4

// walk returns the leaves that x falls into, one per lane, beginning with the tree first. Lanes beyond the last tree
// repeat it.
func (e *Ensemble) walk(x []float64, first int) (leaves [lanes]int32) {
	last := len(e.roots) - 1
	nodes := e.nodes
	a, b, c, d := e.roots[first], e.roots[min(first+1, last)], e.roots[min(first+2, last)], e.roots[min(first+3, last)]
	for {
		na, nb, nc, nd := &nodes[a], &nodes[b], &nodes[c], &nodes[d]
		a2, b2, c2, d2 := na.Left, nb.Left, nc.Left, nd.Left
		if x[na.Feature] >= na.Threshold {
			a2++
		}
		if x[nb.Feature] >= nb.Threshold {
			b2++
		}
		if x[nc.Feature] >= nc.Threshold {
			c2++
		}
		if x[nd.Feature] >= nd.Threshold {
			d2++
		}
		if (a^a2)|(b^b2)|(c^c2)|(d^d2) == 0 {
			return [lanes]int32{e.leaf[a], e.leaf[b], e.leaf[c], e.leaf[d]}
		}
		a, b, c, d = a2, b2, c2, d2
	}
}

// wideLanes replaces lanes in an ensemble of more than wideNodes nodes, two megabytes. Such an ensemble does not fit
// into a cache, so a node takes long to arrive and many walks must share the wait. On smaller ones four lanes are
// faster.
const (
	wideLanes = 16
	wideNodes = 1 << 17
)

// walkWide is walk for up to wideLanes trees. It puts the leaves into leaves and returns how many there are.
func (e *Ensemble) walkWide(x []float64, first int, leaves []int32) int {
	nodes := e.nodes
	walks := leaves[:copy(leaves[:wideLanes], e.roots[first:])]
	for moved := int32(1); moved != 0; {
		moved = 0
		for i, at := range walks {
			n := &nodes[at]
			next := n.Left
			if x[n.Feature] >= n.Threshold {
				next++
			}
			moved |= at ^ next
			walks[i] = next
		}
	}
	for i, at := range walks {
		walks[i] = e.leaf[at]
	}
	return len(walks)
}
