package model

import (
	"math/bits"
	"slices"
)

// leafMasks finds the leaves of small trees without walking them. For each feature it has the thresholds of all trees,
// ascending, and for each number of them that a value may reach, one mask per tree: the leaves, from left to right,
// that
// such a value doesn't rule out. What all features leave of a tree begins with the leaf that the row falls into.
//
// The idea is QuickScorer's (Lucchese et al., SIGIR 2015). It takes a few loads per tree and feature and no branch,
// which
// is less than a walk when features are few.
type leafMasks struct {
	trees      int
	thresholds [][]float64 // per feature, ascending, each once
	first      []int       // per feature where its masks begin
	masks      []uint64    // feature by feature, reached threshold by reached threshold, one per tree
	leaves     []int32     // the number of each leaf, tree by tree from left to right
	base       []int32     // per tree its place in leaves
}

const (
	maskFeatures  = 8       // above, walks are quicker
	maxMaskLeaves = 64      // of a tree: bits in a mask
	maxMasks      = 1 << 17 // in all, a megabyte of them: what a core has nearby
	maskTrees     = 64      // trees whose masks are put together at once
)

// prepareMasks derives the masks of checked trees if finding leaves by them is quicker.
func (t *ensemble) prepareMasks(features int) {
	t.masks = nil
	if features > maskFeatures {
		return
	}
	for i, root := range t.roots {
		end := len(t.nodes)
		if i+1 < len(t.roots) {
			end = int(t.roots[i+1])
		}
		if end-int(root) > 2*maxMaskLeaves-1 {
			return
		}
	}
	m := &leafMasks{trees: len(t.roots), thresholds: make([][]float64, features), first: make([]int, features)}
	for i, n := range t.nodes {
		if t.leaf[i] < 0 {
			m.thresholds[n.feature] = append(m.thresholds[n.feature], n.threshold)
		}
	}
	rows := 0
	for f, values := range m.thresholds {
		slices.Sort(values)
		m.thresholds[f] = slices.Compact(values)
		m.first[f] = rows * m.trees
		rows += len(m.thresholds[f]) + 1
	}
	if rows*m.trees > maxMasks {
		return
	}
	m.masks = slices.Repeat([]uint64{^uint64(0)}, rows*m.trees)
	for tree, root := range t.roots {
		m.base = append(m.base, int32(len(m.leaves)))
		m.add(t, tree, root, 0)
	}
	t.masks = m
}

// add lists the leaves below a node, of which the first has that place in its tree, and rules those out that lie left
// of
// a threshold which a value reaches. It returns the place behind the last one.
func (m *leafMasks) add(t *ensemble, tree int, node int32, place int) int {
	if l := t.leaf[node]; l >= 0 {
		m.leaves = append(m.leaves, l)
		return place + 1
	}
	n := t.nodes[node]
	middle := m.add(t, tree, n.left, place)
	left := (uint64(1)<<(middle-place) - 1) << place
	values := m.thresholds[n.feature]
	at, _ := slices.BinarySearch(values, n.threshold)
	for reached := at + 1; reached <= len(values); reached++ {
		m.masks[m.first[n.feature]+reached*m.trees+tree] &^= left
	}
	return m.add(t, tree, n.left+1, middle)
}

// locate finds for each value of x the first of its masks.
func (m *leafMasks) locate(x []float64, at *[maskFeatures]int) {
	for f, v := range x {
		// A binary search whose steps are no branches: which way they go can't be foreseen.
		values := m.thresholds[f]
		low, n := 0, len(values)
		for n > 0 {
			half := (n + 1) / 2
			next := low
			if values[low+half-1] <= v {
				next += half
			}
			low, n = next, n-half
		}
		at[f] = m.first[f] + low*m.trees
	}
}

// find fills leaves with those that a located row of so many features falls into, tree by tree from first on, and
// returns how many that are.
func (m *leafMasks) find(at *[maskFeatures]int, features, first int, leaves *[maskTrees]int32) int {
	n := min(maskTrees, m.trees-first)
	var left [maskTrees]uint64
	found := left[:n]
	copy(found, m.masks[at[0]+first:][:n])
	f := 1
	for ; f+1 < features; f += 2 {
		a, b := m.masks[at[f]+first:][:n], m.masks[at[f+1]+first:][:n]
		for i := range found {
			found[i] &= a[i] & b[i]
		}
	}
	if f < features {
		for i, mask := range m.masks[at[f]+first:][:n] {
			found[i] &= mask
		}
	}
	base := m.base[first:][:n]
	for i, mask := range found {
		leaves[i] = m.leaves[int(base[i])+bits.TrailingZeros64(mask)]
	}
	return n
}
