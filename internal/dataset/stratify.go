package dataset

import (
	"cmp"
	"encoding/hex"
	"math"
	"slices"
)

// NewSplit splits a table so that each class has rows on both sides, as far as
// that is possible:
//
//   - A class without a row in training gets the one of its held-out groups that
//     is nearest to the threshold, by preference one whose move costs no other
//     class its last held-out row. A group is all rows with the same features.
//   - Then a class without a held-out row gives the nearest of its training
//     groups, unless that would leave some class without a row in training. So a
//     class of one group only stays in training and is not tested.
//
// Classes take their turn in class order and groups are told apart by hash, so
// the outcome does not depend on the order of the rows. testSize must have
// passed CheckTestSize.
func NewSplit(t *Table, seed uint64, testSize float64) Split {
	s := Split{Seed: seed, TestSize: testSize}
	m := newMover(s, t)
	m.fill(training)
	m.fill(heldOut)
	for h, g := range m.groups {
		if g.moved {
			s.Moved = append(s.Moved, hex.EncodeToString(h[:]))
		}
	}
	slices.Sort(s.Moved)
	return s
}

// side of the split; the other one is 1 - side.
type side int

const (
	training side = iota
	heldOut
)

// mover moves groups of equal rows between the sides. It looks at single groups
// only where some class lacks a side, which is rare: most tables cost it a count.
type mover struct {
	split   Split // without moves
	table   *Table
	rows    [2][]int           // by side: rows each class has there
	groups  map[rowHash]*group // those of the classes that lacked a side
	byClass [][]*group         // the same, by class
}

// group is all rows that have the same features.
type group struct {
	hash  rowHash
	side  side
	moved bool
	rows  map[int]int // class -> rows
}

func newMover(s Split, t *Table) *mover {
	classes := len(t.Schema.Classes)
	m := &mover{
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

// fill gives the classes that lack a side a group there, where one may move.
func (m *mover) fill(to side) {
	lacking := make([]bool, len(m.byClass))
	for class := range lacking {
		lacking[class] = m.lacks(class, to)
	}
	if !slices.Contains(lacking, true) {
		return
	}
	m.collect(lacking)
	for class := range lacking {
		if m.lacks(class, to) { // still: the group of an earlier class may have brought it along
			m.fetch(class, to)
		}
	}
}

// lacks reports whether a class that has rows has none on a side.
func (m *mover) lacks(class int, on side) bool {
	return m.rows[on][class] == 0 && m.rows[1-on][class] > 0
}

// collect adds the groups of the wanted classes, with all the classes that have
// rows in them.
func (m *mover) collect(wanted []bool) {
	var buf []byte
	var h rowHash
	fresh := make(map[rowHash]*group)
	for row, class := range m.table.Y {
		if !wanted[class] {
			continue
		}
		h, buf = m.split.hash(buf, m.table.Row(row))
		if m.groups[h] == nil && fresh[h] == nil {
			g := &group{hash: h, rows: make(map[int]int)}
			if m.split.heldOut(h) {
				g.side = heldOut
			}
			fresh[h] = g
		}
	}
	for row, class := range m.table.Y {
		h, buf = m.split.hash(buf, m.table.Row(row))
		if g := fresh[h]; g != nil {
			if g.rows[class] == 0 {
				m.byClass[class] = append(m.byClass[class], g)
			}
			g.rows[class]++
			m.groups[h] = g
		}
	}
}

// fetch moves the nearest group of a class to the side it lacks, if one may go
// there.
func (m *mover) fetch(class int, to side) {
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

// harmless reports whether every class of a group keeps a row on the group's
// side when it leaves. A class may lose its own last held-out row for one in
// training, never the other way round.
func (m *mover) harmless(g *group, class int) bool {
	for c, rows := range g.rows {
		if m.rows[g.side][c] == rows && (c != class || g.side == training) {
			return false
		}
	}
	return true
}

// distance of a group from the threshold.
func (m *mover) distance(g *group) float64 {
	return math.Abs(g.hash.place() - m.split.TestSize)
}
