package tree

import (
	"math/bits"
	"slices"
)

// leafMasks finds the leaves of small trees without a walk. For each feature it holds the thresholds of all trees in
// ascending order. For each count of thresholds that a value can reach, it holds a row of masks, one per tree: the
// leaves, from left to right, that such a value does not rule out. The first leaf that the masks of all features leave
// is the one that the row falls into.
//
// The method is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
// of regression trees", SIGIR 2015). It takes a few loads per tree and feature and no branch, which is faster than a
// walk if there are few features.
//
// A categorical feature has a row of masks per code instead, and one more for values that are not codes, which go left.
//
// Small trees share a word: two of at most 32 leaves, four of at most 16, eight of at most 8. Features of few rows
// share a group, which has a row for each combination of theirs.
type leafMasks struct {
	trees      int
	codes      []int       // per feature, 0 for a number; nil if all are numbers
	thresholds [][]float64 // per feature, ascending and distinct

	share int // log2 of the number of trees that share a word
	words int // of a row of masks

	// A value of feature f that has the row r moves the group at[f] by r·step[f] words.
	group []int
	step  []int
	first []int32 // per group: the index of its first mask
	masks []uint64

	stride int     // leaves of the largest tree
	leaves []int32 // leaf numbers, tree by tree from left to right, with room for stride leaves each
}

const (
	maskFeatures    = 32      // with more features and fewer trees than features, walks are faster
	maxMaskFeatures = 256     // with more features, finding their rows takes as long as most walks
	maxMaskGroups   = 64      // with more groups, masks are hardly faster than walks
	maxMaskLeaves   = 64      // leaves of a tree: one bit each
	maxMasks        = 1 << 19 // four megabytes
	maskTrees       = 64      // trees whose masks are combined in one call of find
	maxShare        = 3       // eight trees in a word
)

// PrepareMasks derives leaf masks from trees, which were checked with the same features and codes, if masks find leaves
// faster than walks.
func (e *Ensemble) PrepareMasks(features int, codes []int) {
	e.masks = nil
	if features > min(max(maskFeatures, len(e.roots)), maxMaskFeatures) {
		return
	}
	m := &leafMasks{trees: len(e.roots), codes: codes, thresholds: make([][]float64, features), stride: 1}
	for i := range e.roots {
		m.stride = max(m.stride, (e.Size(i)+1)/2)
	}
	if m.stride > maxMaskLeaves {
		return
	}
	for m.share < maxShare && m.stride<<(m.share+1) <= maxMaskLeaves {
		m.share++
	}
	m.words = (m.trees + 1<<m.share - 1) >> m.share
	for i, n := range e.nodes {
		if e.leaf[i] < 0 && n.Feature >= 0 {
			m.thresholds[n.Feature] = append(m.thresholds[n.Feature], n.Threshold)
		}
	}
	groups, rows := make([]maskGroup, features), 0
	for f, values := range m.thresholds {
		slices.Sort(values)
		m.thresholds[f] = slices.Compact(values)
		groups[f] = maskGroup{features: []int{f}, rows: len(m.thresholds[f]) + 1}
		if codes != nil {
			groups[f].rows += codes[f]
		}
		rows += groups[f].rows
	}
	if rows*m.words > maxMasks {
		return
	}
	for f := range groups {
		groups[f].masks = slices.Repeat([]uint64{^uint64(0)}, groups[f].rows*m.words)
	}
	m.leaves = make([]int32, m.trees*m.stride)
	for tree, root := range e.roots {
		m.add(e, groups, tree, root, 0)
	}
	if m.arrange(groups, rows) {
		e.masks = m
	}
}

// add lists the leaves below a node. The first of them is at place within its tree, and add returns the place after the
// last one. For the threshold of a split, add rules out the left leaves for values that reach it, and for a subset it
// does so for the codes in it. The groups have one feature each.
func (m *leafMasks) add(e *Ensemble, groups []maskGroup, tree int, node int32, place int) int {
	if l := e.leaf[node]; l >= 0 {
		m.leaves[tree*m.stride+place] = l
		return place + 1
	}
	n := e.nodes[node]
	middle := m.add(e, groups, tree, n.Left, place)
	left := (uint64(1)<<(middle-place) - 1) << (place + m.lane(tree))
	word := tree >> m.share
	if s := n.Split(); s.Right != 0 {
		for code := range s.Right.All() {
			groups[s.Feature].masks[code*m.words+word] &^= left
		}
		return m.add(e, groups, tree, n.Left+1, middle)
	}
	values := m.thresholds[n.Feature]
	at, _ := slices.BinarySearch(values, n.Threshold)
	for reached := at + 1; reached <= len(values); reached++ {
		groups[n.Feature].masks[reached*m.words+word] &^= left
	}
	return m.add(e, groups, tree, n.Left+1, middle)
}

// lane returns the first bit of a tree in its word.
func (m *leafMasks) lane(tree int) int { return tree & (1<<m.share - 1) << (6 - m.share) }

// locate sets at to the index of the row of masks of each group for x.
func (m *leafMasks) locate(x []float64, at *[maxMaskGroups]int32) {
	copy(at[:], m.first)
	for f, v := range x {
		at[m.group[f]&(maxMaskGroups-1)] += int32(reached(m.thresholds[f], v) * m.step[f])
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
func (m *leafMasks) locateMixed(x []float64, at *[maxMaskGroups]int32) {
	copy(at[:], m.first)
	for f, v := range x {
		row := 0
		if n := m.codes[f]; n > 0 {
			row = min(int(v)&(MaxCodes-1), n)
		} else {
			row = reached(m.thresholds[f], v)
		}
		at[m.group[f]&(maxMaskGroups-1)] += int32(row * m.step[f])
	}
}

// find fills leaves with the leaves of a located row, tree by tree beginning with the tree first, a multiple of
// maskTrees, and returns how many trees that covers.
func (m *leafMasks) find(at *[maxMaskGroups]int32, first int, leaves *[maskTrees]int32) int {
	trees := min(maskTrees, m.trees-first)
	var left [maskTrees]uint64
	word := first >> m.share
	n := min(maskTrees>>m.share, m.words-word)
	found := left[:n]
	copy(found, m.row(at[0], word, n))
	groups := at[1:len(m.first)]
	for ; len(groups) > 3; groups = groups[4:] {
		a, b := m.row(groups[0], word, n), m.row(groups[1], word, n)
		c, d := m.row(groups[2], word, n), m.row(groups[3], word, n)
		for i := range found {
			found[i] &= a[i] & b[i] & c[i] & d[i]
		}
	}
	for ; len(groups) > 1; groups = groups[2:] {
		a, b := m.row(groups[0], word, n), m.row(groups[1], word, n)
		for i := range found {
			found[i] &= a[i] & b[i]
		}
	}
	if len(groups) > 0 {
		for i, mask := range m.row(groups[0], word, n) {
			found[i] &= mask
		}
	}
	m.lowest(found, first, leaves[:trees])
	return trees
}

// lowest sets leaves to those of the lowest bits of the trees in found.
func (m *leafMasks) lowest(found []uint64, first int, leaves []int32) {
	own, at := m.leaves[first*m.stride:], 0
	switch m.share { // the common cases without an inner loop
	case 0:
		for i, mask := range found[:len(leaves)] {
			leaves[i] = own[at+bits.TrailingZeros64(mask)]
			at += m.stride
		}
		return
	case 1:
		whole := len(leaves) / 2
		for _, mask := range found[:whole] {
			leaves[0] = own[at+bits.TrailingZeros64(mask)]
			leaves[1] = own[at+m.stride+bits.TrailingZeros64(mask>>32)]
			leaves = leaves[2:]
			at += 2 * m.stride
		}
		found = found[whole:]
	case 2:
		whole := len(leaves) / 4
		for _, mask := range found[:whole] {
			leaves[0] = own[at+bits.TrailingZeros64(mask)]
			leaves[1] = own[at+m.stride+bits.TrailingZeros64(mask>>16)]
			at += 2 * m.stride
			leaves[2] = own[at+bits.TrailingZeros64(mask>>32)]
			leaves[3] = own[at+m.stride+bits.TrailingZeros64(mask>>48)]
			at += 2 * m.stride
			leaves = leaves[4:]
		}
		found = found[whole:]
	}
	each, width := 1<<m.share, 64>>m.share
	for _, mask := range found {
		for i := range leaves[:min(each, len(leaves))] {
			leaves[i] = own[at+bits.TrailingZeros64(mask)]
			at += m.stride
			mask >>= width & 63
		}
		leaves = leaves[min(each, len(leaves)):]
	}
}

// row returns n of the masks of a row that begins at an index, from a word on.
func (m *leafMasks) row(at int32, word, n int) []uint64 { return m.masks[int(at)+word:][:n] }
