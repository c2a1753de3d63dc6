package partition

import (
	"cmp"
	"encoding/hex"
	"math"
	"slices"

	"iris/internal/dataset"
)

// NewSplit splits a table and stratifies the split: as far as possible, each class has rows on both sides. A group is
// all rows with the same features, and moves as a whole:
//
//   - A class without a row in training gets its held-out group nearest to the threshold. NewSplit prefers a group
//     whose move leaves every other class a held-out row.
//   - Then a class without a held-out row gives up its training group nearest to the threshold, unless that would
//     leave a class without a row in training. A class of a single group therefore stays in training and is not tested.
//   - Then a class with one group in training gets its held-out group nearest to the threshold, if every class keeps a
//     held-out row: a cross-validation needs two groups of a class.
//
// NewSplit visits the classes in order and breaks ties by hash, so the result does not depend on the order of the
// rows. The caller checks testSize with CheckTestSize.
func NewSplit(t *dataset.Table, seed uint64, testSize float64) Split {
	s := Split{Seed: seed, TestSize: testSize}
	m := newStratifier(s, t)
	m.fill(training)
	m.fill(heldOut)
	m.pair()
	for h, g := range m.groups {
		if g.moved {
			s.Moved = append(s.Moved, hex.EncodeToString(h[:]))
		}
	}
	slices.Sort(s.Moved)
	return s
}

// side is one side of a split. The other one is 1 - side.
type side int

const (
	training side = iota
	heldOut
)

// stratifier moves groups of equal rows between the sides. It looks at groups only if a class lacks a side, which is
// rare: for most tables it only counts rows.
type stratifier struct {
	split   Split // without moves
	table   *dataset.Table
	rows    [2][]int           // by side and class: number of rows
	groups  map[rowHash]*group // of the classes that lacked a side
	byClass [][]*group         // the same groups, by class
}

// group is all rows with the same features.
type group struct {
	hash  rowHash
	side  side
	moved bool
	rows  map[int]int // class -> rows
}

func newStratifier(s Split, t *dataset.Table) *stratifier {
	classes := len(t.Schema.Classes)
	m := &stratifier{
		split: s, table: t,
		rows:    [2][]int{make([]int, classes), make([]int, classes)},
		groups:  make(map[rowHash]*group),
		byClass: make([][]*group, classes),
	}
	train, test := s.Rows(t)
	for _, row := range train {
		m.rows[training][t.Y[row]]++
	}
	for _, row := range test {
		m.rows[heldOut][t.Y[row]]++
	}
	return m
}

// fill moves a group to a side for each class that has no row there, if a group may move.
func (m *stratifier) fill(to side) {
	lacking := make([]bool, len(m.byClass))
	for class := range lacking {
		lacking[class] = m.lacks(class, to)
	}
	if !slices.Contains(lacking, true) {
		return
	}
	m.collect(lacking)
	for class := range lacking {
		if m.lacks(class, to) { // still: a group moved for an earlier class may have brought rows of this one
			m.fetch(class, to)
		}
	}
}

// pair moves a held-out group to training for each class that has one group there, if a group may move.
func (m *stratifier) pair() {
	single := m.single()
	if !slices.Contains(single, true) {
		return
	}
	m.collect(single)
	for class, groups := range m.byClass {
		inTraining := 0
		for _, g := range groups {
			if g.side == training {
				inTraining++
			}
		}
		if !single[class] || inTraining > 1 {
			continue // a group that moved for an earlier class has rows of this one
		}
		m.move(slices.DeleteFunc(slices.Clone(groups), func(g *group) bool {
			return g.side == training || !m.harmless(g, anyClass)
		}), training)
	}
}

// single tells which classes have rows on both sides, and one group at most in training.
func (m *stratifier) single() []bool {
	single, seen := make([]bool, len(m.byClass)), make([]bool, len(m.byClass))
	undecided := 0
	for class := range single {
		single[class] = m.rows[training][class] > 0 && m.rows[heldOut][class] > 1
		if single[class] {
			undecided++
		}
	}
	var buf []byte
	var h rowHash
	d := identityOf(&m.table.Schema)
	hashes := make([]rowHash, len(single))
	for row, class := range m.table.Y {
		if undecided == 0 {
			break
		}
		if !single[class] {
			continue
		}
		h, buf = m.split.hash(buf, m.table.Row(row), d)
		switch {
		case m.sideOf(h) == heldOut:
		case !seen[class]:
			seen[class], hashes[class] = true, h
		case h != hashes[class]:
			single[class] = false
			undecided--
		}
	}
	return single
}

// sideOf returns the side of a group after the moves so far.
func (m *stratifier) sideOf(h rowHash) side {
	switch g := m.groups[h]; {
	case g != nil:
		return g.side
	case m.split.heldOut(h):
		return heldOut
	}
	return training
}

// lacks reports whether a class has all its rows on the other side.
func (m *stratifier) lacks(class int, on side) bool {
	return m.rows[on][class] == 0 && m.rows[1-on][class] > 0
}

// collect adds the groups of the wanted classes. Each group counts its rows of every class.
func (m *stratifier) collect(wanted []bool) {
	var buf []byte
	var h rowHash
	d := identityOf(&m.table.Schema)
	fresh := make(map[rowHash]*group)
	for row, class := range m.table.Y {
		if !wanted[class] {
			continue
		}
		h, buf = m.split.hash(buf, m.table.Row(row), d)
		if m.groups[h] == nil && fresh[h] == nil {
			g := &group{hash: h, rows: make(map[int]int)}
			if m.split.heldOut(h) {
				g.side = heldOut
			}
			fresh[h] = g
		}
	}
	for row, class := range m.table.Y {
		h, buf = m.split.hash(buf, m.table.Row(row), d)
		if g := fresh[h]; g != nil {
			if g.rows[class] == 0 {
				m.byClass[class] = append(m.byClass[class], g)
			}
			g.rows[class]++
			m.groups[h] = g
		}
	}
}

// fetch moves the nearest group of a class to the side that the class lacks, if one may move.
func (m *stratifier) fetch(class int, to side) {
	candidates := m.byClass[class] // all on the other side
	var harmless []*group
	for _, g := range candidates {
		if m.harmless(g, class) {
			harmless = append(harmless, g)
		}
	}
	if to == heldOut || len(harmless) > 0 {
		candidates = harmless
	}
	m.move(candidates, to)
}

// move moves the candidate nearest to the threshold to a side, if there is one.
func (m *stratifier) move(candidates []*group, to side) {
	if len(candidates) == 0 {
		return
	}
	g := slices.MinFunc(candidates, func(a, b *group) int {
		return cmp.Or(cmp.Compare(m.distance(a), m.distance(b)), a.hash.compare(b.hash))
	})
	for c, rows := range g.rows {
		m.rows[g.side][c] -= rows
		m.rows[to][c] += rows
	}
	g.side, g.moved = to, !g.moved
}

// anyClass stands for the class that a group moves for if no class may lose its last row.
const anyClass = -1

// harmless reports whether every class of a group keeps a row on the group's side after the group moves. The class that
// it moves for may trade its last held-out row for one in training, but not the reverse.
func (m *stratifier) harmless(g *group, class int) bool {
	for c, rows := range g.rows {
		if m.rows[g.side][c] == rows && (c != class || g.side == training) {
			return false
		}
	}
	return true
}

// distance returns how far the place of a group is from the threshold.
func (m *stratifier) distance(g *group) float64 {
	return math.Abs(g.hash.place() - m.split.TestSize)
}
