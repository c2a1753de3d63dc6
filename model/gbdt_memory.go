package model

import (
	"fmt"

	"iris/model/internal/tree"
)

// maxBoostBytes bounds the memory that a fit of a gbdt takes for scores, gradients and trees, all of which grow with
// the number of classes. It equals the size of the largest dataset, so a worker with enough memory for its data has
// enough for the fit.
const maxBoostBytes = 1 << 30

// Bytes that a fit takes.
const (
	boostRowBytes  = 8 + 8 // per row and score: the score and its gradient
	boostLeafBytes = 8     // per leaf: its value
)

// checkMemory refuses a fit that would take too much memory. It counts the trees that are certain to grow: those of one
// round if the training may stop early, and those of all rounds otherwise.
func (h gbdtSettings) checkMemory(rows, classes int) error {
	rounds := h.Rounds
	if h.StoppingRounds > 0 && rows >= minStoppingRows {
		rounds = 1
	}
	leaves := max(1, min(h.NumLeaves, rows/h.MinRowsLeaf))
	return refuseMemory(rows, classes, rounds*(leaves*boostLeafBytes+(2*leaves-1)*tree.NodeBytes))
}

// checkGrown refuses to continue with a model that has become too large.
func (o *booster) checkGrown() error {
	trees := o.model.Trees.Nodes()*tree.NodeBytes + len(o.model.Values)*boostLeafBytes
	return refuseMemory(len(o.loss.table.Y), len(o.loss.weights), trees/o.loss.width)
}

// refuseMemory returns an error if the fit takes too much memory, where trees is the bytes of trees per score.
func refuseMemory(rows, classes, trees int) error {
	each := rows*boostRowBytes + trees // at most 10^11: no overflow with the classes of a dataset
	if scores(classes)*each <= maxBoostBytes {
		return nil
	}
	return &SpecError{"/algorithm", fmt.Sprintf(
		"gbdt grows a tree per class and round and keeps a score per class and row: "+
			"%d classes with %d rows take %d MiB, at most %d MiB are allowed, so at most %d classes; "+
			"use another algorithm, or fewer rounds or leaves",
		classes, rows, scores(classes)*each>>20, maxBoostBytes>>20, maxBoostBytes/each,
	)}
}
