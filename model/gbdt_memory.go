package model

import (
	"fmt"

	"iris/model/internal/tree"
)

// maxBoostBytes is the most memory that a fit of a gbdt may take for scores, gradients and trees, which grow with the
// classes: as much as the largest dataset has bytes, so that a worker that has room for its data has room for the fit.
const maxBoostBytes = 1 << 30

// Bytes that a fit takes.
const (
	boostRowBytes  = 8 + 8 // per row and score: the score, and its gradient
	boostLeafBytes = 8     // per leaf: its value
)

// checkMemory refuses a fit that would take too much. Trees count as far as it is certain that they will be grown:
// where
// training may stop early, those of one round.
func (h gbdtSettings) checkMemory(rows, classes int) error {
	rounds := h.Rounds
	if h.StoppingRounds > 0 && rows >= minStoppingRows {
		rounds = 1
	}
	leaves := max(1, min(h.NumLeaves, rows/h.MinRowsLeaf))
	return refuseMemory(rows, classes, rounds*(leaves*boostLeafBytes+(2*leaves-1)*tree.NodeBytes))
}

// checkGrown refuses to go on with a model that has become too large.
func (o *booster) checkGrown() error {
	trees := o.model.Trees.Nodes()*tree.NodeBytes + len(o.model.Values)*boostLeafBytes
	return refuseMemory(len(o.loss.table.Y), len(o.loss.weights), trees/o.loss.width)
}

// refuseMemory is the error for a fit that takes so many bytes of trees per score, nil when it may.
func refuseMemory(rows, classes, trees int) error {
	each := rows*boostRowBytes + trees // at most 10^11: no overflow with the classes of a dataset
	if scores(classes)*each <= maxBoostBytes {
		return nil
	}
	return &SpecError{
		"/algorithm",
		fmt.Sprintf(
			"gbdt grows a tree per class and round and keeps a score per class and row: %d classes with %d rows take %d MiB, at most %d MiB are allowed, so at most %d classes; "+
				"take another algorithm, or fewer rounds or leaves",
			classes,
			rows,
			scores(classes)*each>>20,
			maxBoostBytes>>20,
			maxBoostBytes/each,
		),
	}
}
