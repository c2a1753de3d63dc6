package partition

import (
	"slices"

	"iris/internal/dataset"
)

// Folds divides the rows of t into k folds for cross-validation, each a list of rows in table order. The folds are
// stratified: each class is spread over them as evenly as its rows allow. Rows with equal feature values are in one
// fold, so that no model is tested on rows that it memorized. A fold may therefore be smaller than others, or empty if
// t has fewer than k distinct rows. The same table, k and seed give the same folds.
func Folds(t *dataset.Table, k int, seed uint64) [][]int {
	folds := make([][]int, k)
	load := make([][]int, k) // rows by fold and class
	for f := range load {
		load[f] = make([]int, len(t.Schema.Classes))
	}
	groups := equalRows(t, seed)
	// Large groups come first: a later group can even out only what is larger than itself. The groups of one class are
	// adjacent, so that the class is dealt around the folds.
	slices.SortStableFunc(groups, func(a, b []int) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return t.Y[a[0]] - t.Y[b[0]]
	})
	for _, rows := range groups {
		class, best := t.Y[rows[0]], 0
		for f := range folds {
			if d := load[f][class] - load[best][class]; d < 0 || d == 0 && len(folds[f]) < len(folds[best]) {
				best = f
			}
		}
		folds[best] = append(folds[best], rows...)
		for _, row := range rows {
			load[best][t.Y[row]]++
		}
	}
	for _, fold := range folds {
		slices.Sort(fold)
	}
	return folds
}

// Strata returns how many different rows the class with the second most has, counted up to limit. A division of t into
// more folds may leave one class outside a fold.
func Strata(t *dataset.Table, limit int) int {
	d, s := identityOf(&t.Schema), Split{}
	seen := make([][]rowHash, len(t.Schema.Classes))
	var buf []byte
	var h rowHash
	full := 0
	for row, class := range t.Y {
		if len(seen[class]) == limit {
			continue
		}
		if h, buf = s.hash(buf, t.Row(row), d); slices.Contains(seen[class], h) {
			continue
		}
		if seen[class] = append(seen[class], h); len(seen[class]) < limit {
			continue
		}
		if full++; full == 2 {
			return limit
		}
	}
	counts := make([]int, len(seen))
	for class, hashes := range seen {
		counts[class] = len(hashes)
	}
	slices.Sort(counts)
	if len(counts) < 2 {
		return 0
	}
	return counts[len(counts)-2]
}

// Sample lists about share (0 to 1) of the rows of t in table order. It is stratified: it has the same share of every
// class, and at least one row of each. A sample contains every smaller sample of the same seed. The same table, share
// and seed give the same rows.
func Sample(t *dataset.Table, share float64, seed uint64) []int {
	byClass := make([][]int, len(t.Schema.Classes))
	for _, rows := range equalRows(t, seed) {
		for _, row := range rows {
			byClass[t.Y[row]] = append(byClass[t.Y[row]], row)
		}
	}
	var sample []int
	for _, rows := range byClass {
		n := min(len(rows), max(1, int(share*float64(len(rows))+0.5)))
		sample = append(sample, rows[:n]...)
	}
	slices.Sort(sample)
	return sample
}

// equalRows groups the rows of t that have equal feature values, whatever their class. The order of the groups depends
// on the seed and the values alone.
func equalRows(t *dataset.Table, seed uint64) [][]int {
	s, d := Split{Seed: seed}, identityOf(&t.Schema)
	found := make(map[rowHash][]int, t.Rows())
	var order []rowHash
	var h rowHash
	var buf []byte
	for row := range t.Rows() {
		h, buf = s.hash(buf, t.Row(row), d)
		if found[h] == nil {
			order = append(order, h)
		}
		found[h] = append(found[h], row)
	}
	slices.SortFunc(order, rowHash.compare)
	groups := make([][]int, len(order))
	for i, h := range order {
		groups[i] = found[h]
	}
	return groups
}
