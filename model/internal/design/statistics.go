package design

import (
	"math"
	"slices"

	"iris/internal/dataset"
)

// Statistics of the classes in the rows of a level, in the words of Micci-Barreca, "A preprocessing scheme for
// high-cardinality categorical attributes in classification and prediction problems", 2001.
const (
	// priorRows is how many rows with the shares of the whole table join those of a level, so that the statistics of a
	// level of few rows are close to the whole table's, and those of a level without rows equal them.
	priorRows = 10
	// statisticFolds is the number of parts of the rows. In training, the statistics of a row count the rows of other
	// parts only: with its own class among them, a level of one row would tell its class, and the learner would trust it.
	statisticFolds = 5
	// maxStatisticClasses is the maximum number of classes that statistics describe, the most frequent ones.
	maxStatisticClasses = 10
)

// describedClasses returns the classes that statistics describe: the second of two, else the most frequent ones.
func describedClasses(t *dataset.Table) []int {
	classes := len(t.Schema.Classes)
	if classes == 2 {
		return []int{1}
	}
	rows, order := make([]int, classes), make([]int, classes)
	for _, y := range t.Y {
		rows[y]++
	}
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows[b] - rows[a] })
	order = order[:min(classes, maxStatisticClasses)]
	slices.Sort(order)
	return order
}

// shares returns the share of each described class in the table.
func (f *designer) shares() []float64 {
	shares := make([]float64, len(f.classes))
	for _, y := range f.table.Y {
		if k := slices.Index(f.classes, y); k >= 0 {
			shares[k]++
		}
	}
	for k := range shares {
		shares[k] /= float64(f.table.Rows())
	}
	return shares
}

// levelCounts counts rows by code.
type levelCounts struct {
	all     []float64 // per code
	classes []float64 // code by code, one per described class
}

// count counts the rows of feature i that part, if not nil, accepts.
func (f *designer) count(c *Column, i int, part func(row int) bool) levelCounts {
	codes, classes, width := len(c.Groups), len(f.classes), f.table.Schema.Width()
	n := levelCounts{all: make([]float64, codes), classes: make([]float64, codes*classes)}
	place := make([]int, len(f.table.Schema.Classes)) // one more than the index in f.classes
	for k, class := range f.classes {
		place[class] = k + 1
	}
	for r, y := range f.table.Y {
		if part != nil && !part(r) {
			continue
		}
		code := c.code(f.table.X[r*width+i])
		n.all[code]++
		if place[y] > 0 {
			n.classes[code*classes+place[y]-1]++
		}
	}
	return n
}

// append appends the statistics of a code.
func (n levelCounts) append(to []float64, code int, prior []float64) []float64 {
	for k, share := range prior {
		to = append(to, (n.classes[code*len(prior)+k]+priorRows*share)/(n.all[code]+priorRows))
	}
	return to
}

// outOfFold replaces the statistics of feature i in the rows of a table, which begin at to and are stride apart, by
// those of the rows in other parts. The prior stays that of all rows: if each part had its own, it would tell the part.
func (f *designer) outOfFold(c *Column, i int, seed uint64, to []float64, stride int) {
	width := f.table.Schema.Width()
	parts := make([]uint8, f.table.Rows())
	for r := range parts {
		parts[r] = uint8(rowHash(f.table.Row(r), seed) % statisticFolds)
	}
	for part := range uint8(statisticFolds) {
		counts := f.count(c, i, func(row int) bool { return parts[row] != part })
		for r := range parts {
			if parts[r] == part {
				code := c.code(f.table.X[r*width+i])
				counts.append(to[r*stride:r*stride], code, f.prior)
			}
		}
	}
}

// rowHash hashes a row, so that equal rows are in one part.
func rowHash(x []float64, seed uint64) uint64 {
	h := seed
	for _, v := range x {
		bits := uint64(math.MaxUint64) // of a missing value
		if v == v {
			bits = math.Float64bits(v)
		}
		h = mix(h ^ bits)
	}
	return h
}

// mix is the step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
