package model

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"iris/internal/partition"
)

func TestCrossValidateHolding(t *testing.T) {
	wine := load(t, "wine")
	cv := CrossValidation{Folds: 4, Repeats: 2, Seed: 9}
	want, err := CrossValidate(t.Context(), wine, Spec{}, cv, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, held, err := CrossValidateHolding(t.Context(), wine, Spec{}, cv, nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v; want what CrossValidate returns, %+v", got, err, want)
	}
	if held.Rows() != wine.Rows() || held.Classes != 3 || !slices.Equal(held.Y, wine.Y) {
		t.Fatalf("%d rows of %d classes, want those of the table in its order", held.Rows(), held.Classes)
	}
	sums := make([]float64, wine.Rows()*3)
	for repeat := range 2 {
		for i, fold := range partition.Folds(wine, 4, cv.Seed+uint64(repeat)*0x9e3779b97f4a7c15) {
			var outside []int
			for r := range wine.Rows() {
				if !slices.Contains(fold, r) {
					outside = append(outside, r)
				}
			}
			m := train(t, wine.Subset(outside), Spec{})
			for _, r := range fold {
				p := make([]float64, 3)
				m.Predict(wine.Row(r), p)
				for k, v := range p {
					sums[r*3+k] += v
				}
				if repeat == 0 && int(held.Fold[r]) != i {
					t.Fatalf("row %d in fold %d, want %d", r, held.Fold[r], i)
				}
			}
		}
	}
	for i, sum := range sums {
		if held.P[i] != float32(sum/2) {
			t.Fatalf("probability %d is %v, want the mean of both repeats, %v", i, held.P[i], sum/2)
		}
	}
}

// A fold that leaves one class to train on has no fit, so its rows have no predictions.
func TestCrossValidateHolding_notHeldOut(t *testing.T) {
	rows := table([]int{0, 0, 0, 0, 0, 1, 1}, []float64{1}, []float64{2}, []float64{3}, []float64{4}, []float64{5},
		[]float64{9}, []float64{9})
	_, held, err := CrossValidateHolding(t.Context(), rows, Spec{}, CrossValidation{Folds: 2, Repeats: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	absent := 0
	for r := range rows.Rows() {
		if p := held.P[2*r]; p != p {
			absent++
		}
	}
	if absent == 0 || absent == rows.Rows() {
		t.Errorf("%d of %d rows without predictions, want some: the rows of the second class are in one fold", absent,
			rows.Rows())
	}
}

func TestHeldOut_binary(t *testing.T) {
	h := HeldOut{
		Classes: 2,
		Y:       []int{0, 1},
		P:       []float32{.25, .75, float32(math.NaN()), float32(math.NaN())},
		Fold:    []uint8{1, 0},
	}
	b, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got HeldOut
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if again, err := got.MarshalBinary(); err != nil || !bytes.Equal(again, b) || got.P[1] != .75 || got.Y[1] != 1 {
		t.Errorf("got %+v, want %+v", got, h)
	}
	for n := range b {
		if err := new(HeldOut).UnmarshalBinary(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are read", n, len(b))
		}
	}
	for name, at := range map[string]int{"magic": 0, "rows": 9, "classes": 13, "class of a row": 22, "probability": 30} {
		bad := bytes.Clone(b)
		bad[at] ^= 0xf0
		if err := new(HeldOut).UnmarshalBinary(bad); err == nil {
			t.Errorf("a wrong %s is read", name)
		}
	}
}

func TestMeasure(t *testing.T) {
	wine := load(t, "wine")
	m := train(t, wine, Spec{})
	labels, p := make([]int, wine.Rows()), make([]float64, wine.Rows()*3)
	m.PredictRows(wine.X, labels, p)
	want, err := Evaluate(m, wine)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Measure(p, wine.Y, 3); err != nil || !reflect.DeepEqual(got, want.Summary()) {
		t.Errorf("got %v, %v; want %v as from Evaluate", got, err, want.Summary())
	}
	if _, err := Measure(p[1:], wine.Y, 3); err == nil {
		t.Error("no error for a probability too few")
	}
}
