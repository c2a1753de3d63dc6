package tree

import (
	"cmp"
	"slices"
)

// maskGroup is one or more features whose values choose one row of masks together.
type maskGroup struct {
	features []int
	rows     int
	masks    []uint64 // row by row
}

// maxGroupRows bounds the rows of a group of several features. The rows of most groups must stay in a fast cache.
const maxGroupRows = 256

// arrange joins features of few rows into groups and puts the masks of all groups into one slice. rows is the number of
// all rows. It reports false if too many groups are left.
func (m *leafMasks) arrange(groups []maskGroup, rows int) bool {
	features := len(groups)
	m.group, m.step = make([]int, features), slices.Repeat([]int{m.words}, features)
	for len(groups) > 1 {
		slices.SortStableFunc(groups, func(a, b maskGroup) int { return cmp.Compare(a.rows, b.rows) })
		a, b := groups[0], groups[1]
		rows += a.rows*b.rows - a.rows - b.rows
		if a.rows*b.rows > maxGroupRows || rows*m.words > maxMasks {
			break
		}
		for _, f := range a.features {
			m.step[f] *= b.rows
		}
		groups = append(groups[2:], a.times(b, m.words))
	}
	if len(groups) > maxMaskGroups {
		return false
	}
	for i, g := range groups {
		for _, f := range g.features {
			m.group[f] = i
		}
		m.first = append(m.first, int32(len(m.masks)))
		m.masks = append(m.masks, g.masks...)
	}
	return true
}

// times returns the group that has a row for each combination of a row of g and a row of b. Those with the same row of
// g are neighbours.
func (g maskGroup) times(b maskGroup, words int) maskGroup {
	product := maskGroup{
		features: slices.Concat(g.features, b.features), rows: g.rows * b.rows,
		masks: make([]uint64, 0, g.rows*b.rows*words),
	}
	for one := range slices.Chunk(g.masks, words) {
		for other := range slices.Chunk(b.masks, words) {
			for i, mask := range one {
				product.masks = append(product.masks, mask&other[i])
			}
		}
	}
	return product
}
