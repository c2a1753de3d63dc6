package tree

import (
	"math/bits"
	"slices"
)

// leafMasks finds the leaves of small trees without a walk. For each feature it holds the thresholds of all trees in
// ascending order. For each count of thresholds that a value can reach, it holds one mask per tree: the leaves, from
// left to right, that such a value does not rule out. The first leaf that the masks of all features leave is the one
// that the row falls into.
//
// The method is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
// of regression trees", SIGIR 2015). It takes a few loads per tree and feature and no branch, which is faster than a
// walk if there are few features.
//
// A categorical feature has a row of masks per code instead, and one more for values that are not codes, which go left.
type leafMasks struct {
	trees      int
	codes      []int       // per feature, 0 for a number; nil if all are numbers
	thresholds [][]float64 // per feature, ascending and distinct
	first      []int       // per feature: the index of its first mask
	masks      []uint64    // by feature, then by thresholds reached or by code, then by tree
	leaves     []int32     // leaf numbers, tree by tree from left to right
	base       []int32     // per tree: the index of its first leaf in leaves
}

const (
	maskFeatures  = 8       // with more features, walks are faster
	maxMaskLeaves = 64      // leaves of a tree: one bit each
	maxMasks      = 1 << 17 // one megabyte, which fits into the cache of a core
	maskTrees     = 64      // trees whose masks are combined in one call of find
)

// A step of a walk down a tree with subsets takes longer, so masks are faster up to higher limits.
const (
	mixedMaskFeatures = 32
	maxMixedMasks     = 1 << 19
)

// PrepareMasks derives leaf masks from trees, which were checked with the same features and codes, if masks find leaves
// faster than walks.
func (e *Ensemble) PrepareMasks(features int, codes []int) {
	e.masks = nil
	limit, most := maskFeatures, maxMasks
	if e.subsets {
		limit, most = mixedMaskFeatures, maxMixedMasks
	}
	if features > limit {
		return
	}
	for i := range e.roots {
		if e.Size(i) > 2*maxMaskLeaves-1 {
			return
		}
	}
	m := &leafMasks{
		trees: len(e.roots), codes: codes,
		thresholds: make([][]float64, features), first: make([]int, features),
	}
	for i, n := range e.nodes {
		if e.leaf[i] < 0 && n.Feature >= 0 {
			m.thresholds[n.Feature] = append(m.thresholds[n.Feature], n.Threshold)
		}
	}
	rows := 0
	for f, values := range m.thresholds {
		slices.Sort(values)
		m.thresholds[f] = slices.Compact(values)
		m.first[f] = rows * m.trees
		rows += len(m.thresholds[f]) + 1
		if codes != nil {
			rows += codes[f]
		}
	}
	if rows*m.trees > most {
		return
	}
	m.masks = slices.Repeat([]uint64{^uint64(0)}, rows*m.trees)
	for tree, root := range e.roots {
		m.base = append(m.base, int32(len(m.leaves)))
		m.add(e, tree, root, 0)
	}
	e.masks = m
}

// add lists the leaves below a node. The first of them is at place within its tree, and add returns the place after the
// last one. For the threshold of a split, add rules out the left leaves for values that reach it, and for a subset it
// does so for the codes in it.
func (m *leafMasks) add(e *Ensemble, tree int, node int32, place int) int {
	if l := e.leaf[node]; l >= 0 {
		m.leaves = append(m.leaves, l)
		return place + 1
	}
	n := e.nodes[node]
	middle := m.add(e, tree, n.Left, place)
	left := (uint64(1)<<(middle-place) - 1) << place
	if s := n.Split(); s.Right != 0 {
		for code := range s.Right.All() {
			m.masks[m.first[s.Feature]+code*m.trees+tree] &^= left
		}
		return m.add(e, tree, n.Left+1, middle)
	}
	values := m.thresholds[n.Feature]
	at, _ := slices.BinarySearch(values, n.Threshold)
	for reached := at + 1; reached <= len(values); reached++ {
		m.masks[m.first[n.Feature]+reached*m.trees+tree] &^= left
	}
	return m.add(e, tree, n.Left+1, middle)
}

// locate sets at to the index of the first mask of each value of x.
func (m *leafMasks) locate(x []float64, at *[mixedMaskFeatures]int32) {
	for f, v := range x {
		at[f] = int32(m.first[f] + reached(m.thresholds[f], v)*m.trees)
	}
}

// reached returns how many of the ascending thresholds v reaches. The steps of this binary search are not branches,
// because a processor cannot predict them.
func reached(thresholds []float64, v float64) int {
	low, n := 0, len(thresholds)
	for n > 0 {
		half := (n + 1) / 2
		next := low
		if thresholds[low+half-1] <= v {
			next += half
		}
		low, n = next, n-half
	}
	return low
}

// locateMixed is locate for rows with categorical features.
func (m *leafMasks) locateMixed(x []float64, at *[mixedMaskFeatures]int32) {
	for f, v := range x {
		if n := m.codes[f]; n > 0 {
			at[f] = int32(m.first[f] + min(int(v)&(MaxCodes-1), n)*m.trees)
			continue
		}
		at[f] = int32(m.first[f] + reached(m.thresholds[f], v)*m.trees)
	}
}

// find fills leaves with the leaves of a located row, tree by tree beginning with the tree first, and returns how many
// trees that covers.
func (m *leafMasks) find(at *[mixedMaskFeatures]int32, features, first int, leaves *[maskTrees]int32) int {
	n := min(maskTrees, m.trees-first)
	var left [maskTrees]uint64
	found := left[:n]
	copy(found, m.row(at[0], first, n))
	f := 1
	for ; f+3 < features; f += 4 {
		a, b, c, d := m.row(at[f], first, n), m.row(at[f+1], first, n), m.row(at[f+2], first, n), m.row(at[f+3], first, n)
		for i := range found {
			found[i] &= a[i] & b[i] & c[i] & d[i]
		}
	}
	for ; f+1 < features; f += 2 {
		a, b := m.row(at[f], first, n), m.row(at[f+1], first, n)
		for i := range found {
			found[i] &= a[i] & b[i]
		}
	}
	if f < features {
		for i, mask := range m.row(at[f], first, n) {
			found[i] &= mask
		}
	}
	base := m.base[first:][:n]
	for i, mask := range found {
		leaves[i] = m.leaves[int(base[i])+bits.TrailingZeros64(mask)]
	}
	return n
}

// row returns n of the masks that begin at an index, from the tree first on.
func (m *leafMasks) row(at int32, first, n int) []uint64 { return m.masks[int(at)+first:][:n] }
