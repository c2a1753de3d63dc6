package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
)

// HeldOut holds what the fits of a cross-validation predicted for the rows that they did not train on, in the order of
// the table.
type HeldOut struct {
	Classes int
	Y       []int // per row: its class
	// P has the probabilities of the classes, row by row: their means over the repeats, or NaN if no fit held the row out.
	// A float32 has seven digits, which are enough to choose by.
	P    []float32
	Fold []uint8 // per row: its fold in the first repeat, from 0
}

// Rows returns the number of rows.
func (h *HeldOut) Rows() int { return len(h.Y) }

// holding collects a HeldOut.
type holding struct {
	HeldOut
	sums  []float64 // [rows, classes]
	times []int     // per row: how many fits held it out
}

func newHeldOut(t *dataset.Table) *holding {
	classes := len(t.Schema.Classes)
	return &holding{
		HeldOut: HeldOut{Classes: classes, Y: slices.Clone(t.Y), Fold: make([]uint8, t.Rows())},
		sums:    make([]float64, t.Rows()*classes),
		times:   make([]int, t.Rows()),
	}
}

// number records that the rows are those of a fold of the first repeat.
func (h *holding) number(rows []int, fold int) {
	for _, r := range rows {
		h.Fold[r] = uint8(fold)
	}
}

// add adds the probabilities that a fit predicts for a row.
func (h *holding) add(row int, p []float64) {
	for k, v := range p {
		h.sums[row*h.Classes+k] += v
	}
	h.times[row]++
}

// finish returns the means.
func (h *holding) finish() *HeldOut {
	h.P = make([]float32, len(h.sums))
	for i, sum := range h.sums {
		h.P[i] = float32(sum / float64(h.times[i/h.Classes])) // 0/0 is NaN
	}
	return &h.HeldOut
}

// Measure returns the Summary of the metrics of probabilities, row by row, for rows of the classes y. It returns
// ErrDefect unless there are rows and the lengths match.
func Measure(probabilities []float64, y []int, classes int) (map[string]float64, error) {
	if len(y) == 0 || classes < 2 || len(probabilities) != len(y)*classes {
		return nil, fmt.Errorf("measure: %w: %d probabilities of %d classes for %d rows",
			ErrDefect, len(probabilities), classes, len(y))
	}
	metrics, s, err := measure(make([]string, classes), y, true, func(r int, p []float64) int {
		copy(p, probabilities[r*classes:])
		return mostProbable(p)
	})
	if err != nil {
		return nil, err
	}
	metrics.AUC, metrics.AveragePrecision = s.areas()
	return metrics.Summary(), nil
}

// heldOutMagic begins the binary form of a HeldOut.
const heldOutMagic = "irisheld1"

// MarshalBinary returns h in 5 bytes per row and 4 per row and class, little-endian: magic, rows, classes, the
// folds, the classes of the rows, the probabilities.
func (h *HeldOut) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, len(heldOutMagic)+8+5*len(h.Y)+4*len(h.P))
	b = append(b, heldOutMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.Y)))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.Classes))
	b = append(b, h.Fold...)
	for _, y := range h.Y {
		b = binary.LittleEndian.AppendUint32(b, uint32(y))
	}
	for _, p := range h.P {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p))
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote. It refuses classes out of range, and probabilities that are neither
// from 0 to 1 nor NaN.
func (h *HeldOut) UnmarshalBinary(b []byte) error {
	header := len(heldOutMagic) + 8
	if len(b) < header || string(b[:len(heldOutMagic)]) != heldOutMagic {
		return errors.New("held-out predictions: truncated, or another format")
	}
	rows := int(binary.LittleEndian.Uint32(b[len(heldOutMagic):]))
	classes := int(binary.LittleEndian.Uint32(b[len(heldOutMagic)+4:]))
	if classes < 2 || (len(b)-header)/5 < rows || (len(b)-header-5*rows)/4 != rows*classes || (len(b)-header-rows)%4 != 0 {
		return fmt.Errorf("held-out predictions: %d bytes for %d rows of %d classes", len(b), rows, classes)
	}
	read := HeldOut{Classes: classes, Fold: slices.Clone(b[header : header+rows])}
	b = b[header+rows:]
	read.Y, read.P = make([]int, rows), make([]float32, rows*classes)
	for r := range read.Y {
		read.Y[r] = int(binary.LittleEndian.Uint32(b[4*r:]))
		if read.Y[r] >= classes {
			return fmt.Errorf("held-out predictions: row %d: class %d of %d", r, read.Y[r], classes)
		}
	}
	b = b[4*rows:]
	for i := range read.P {
		read.P[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if read.P[i] < 0 || read.P[i] > 1 {
			return fmt.Errorf("held-out predictions: row %d: probability %v", i/classes, read.P[i])
		}
	}
	*h = read
	return nil
}
