package model

import (
	"math"
	"slices"
)

// maxRankedCells limits how many probabilities AUC and AveragePrecision hold in memory, 64 MiB. More rows than fit are
// represented by evenly spaced ones.
const maxRankedCells = 1 << 23

// probabilities holds those of some rows, row by row, and the classes of these rows.
type probabilities struct {
	classes int
	p       []float64
	y       []int
}

// ranked returns an empty probabilities for a table, and how far apart the rows are that it takes.
func ranked(rows, classes int) (*probabilities, int) {
	step := (rows*classes + maxRankedCells - 1) / maxRankedCells
	n := (rows + step - 1) / step
	return &probabilities{classes: classes, p: make([]float64, 0, n*classes), y: make([]int, 0, n)}, step
}

func (s *probabilities) add(p []float64, y int) { s.p, s.y = append(s.p, p...), append(s.y, y) }

// areas returns the unweighted means of the area under the ROC curve and of the average precision, each class against
// the others. They leave out a class of no row or of every row, for which there is neither, and are 0 if there is no
// other class.
func (s *probabilities) areas() (auc, averagePrecision float64) {
	keys, found := make([]uint64, len(s.y)), 0.0
	for k := s.firstRanked(); k < s.classes; k++ {
		positives := s.rank(k, keys)
		if positives == 0 || positives == len(keys) {
			continue
		}
		area, precision := areasOf(keys, positives)
		if s.classes == 2 { // the first class has the same order, turned around, and the same area
			turn(keys)
			_, first := areasOf(keys, len(keys)-positives)
			precision = (precision + first) / 2
		}
		auc, averagePrecision, found = auc+area, averagePrecision+precision, found+1
	}
	return auc / max(found, 1), averagePrecision / max(found, 1)
}

// firstRanked returns the first class whose rows are ranked: of two classes the second, since one order tells both.
func (s *probabilities) firstRanked() int {
	if s.classes == 2 {
		return 1
	}
	return 0
}

// rank sets keys, one per row, to the ascending probabilities of class k, and returns the number of its rows. The
// lowest bit of a key says whether the row is of the class.
func (s *probabilities) rank(k int, keys []uint64) (positives int) {
	for r, y := range s.y {
		// The bits of numbers that are not negative have the order of the numbers, and those of a probability leave the
		// highest bit free.
		keys[r] = math.Float64bits(max(s.p[r*s.classes+k], 0)) << 1
		if y == k {
			keys[r] |= 1
			positives++
		}
	}
	slices.Sort(keys)
	return positives
}

// turn makes the keys of one of two classes those of the other.
func turn(keys []uint64) {
	slices.Reverse(keys)
	for i := range keys {
		keys[i] ^= 1
	}
}

// areasOf returns the areas of the class whose keys these are. It walks from the highest probability down. Rows of
// equal probability are one step, because no threshold can separate them.
func areasOf(keys []uint64, positives int) (auc, averagePrecision float64) {
	hits, falseAlarms := 0, 0
	for end := len(keys); end > 0; {
		first, gained := end, 0
		for first > 0 && keys[first-1]>>1 == keys[end-1]>>1 {
			first--
			gained += int(keys[first] & 1)
		}
		alarms := end - first - gained
		auc += float64(alarms) * (float64(hits) + float64(gained)/2)
		hits, falseAlarms = hits+gained, falseAlarms+alarms
		averagePrecision += float64(gained) * share(hits, hits+falseAlarms)
		end = first
	}
	return auc / float64(positives) / float64(len(keys)-positives), averagePrecision / float64(positives)
}
