package model

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"iris/internal/dataset"
)

// echo is a scorer whose probability of the second class is the first feature.
type echo struct{ scorer }

func (echo) score(x, p []float64) { p[0], p[1] = 1-x[0], x[0] }

func echoing(y []int, x ...float64) (*Model, *dataset.Table) {
	rows := make([][]float64, len(x))
	for i, v := range x {
		rows[i] = []float64{v, float64(i)}
	}
	t := table(y, rows...)
	return &Model{schema: t.Schema, scorer: echo{}}, t
}

func TestNewCurves(t *testing.T) {
	// From the highest probability: a hit, a hit and a miss that no threshold separates, and a miss.
	m, data := echoing([]int{1, 0, 1, 0}, .9, .6, .6, .2)
	c := NewCurves(m, data)
	if want := []Point{{0, 0}, {0, .5}, {.5, 1}, {1, 1}}; !slices.Equal(c.ROC[1], want) {
		t.Errorf("ROC %v, want %v", c.ROC[1], want)
	}
	if want := []Point{{.5, 1}, {1, 2. / 3}, {1, .5}}; !slices.Equal(c.PrecisionRecall[1], want) {
		t.Errorf("precision and recall %v, want %v", c.PrecisionRecall[1], want)
	}
	if c.AUC[1] != .875 || c.AUC[0] != .875 {
		t.Errorf("AUC %v, want .875 for both of two classes", c.AUC)
	}
	want := []Bin{{2, .6, .5}, {1, .8, 1}, {1, .9, 1}}
	if !slices.Equal(c.Calibration, want) {
		t.Errorf("calibration %v, want %v", c.Calibration, want)
	}
	if e := (.2 + .2 + .1) / 4; math.Abs(c.ECE-e) > 1e-15 {
		t.Errorf("ECE %v, want %v", c.ECE, e)
	}
	if metrics, err := Evaluate(m, data); err != nil || metrics.ECE != c.ECE {
		t.Errorf("evaluated: %v, %v; want the same %v", metrics.ECE, err, c.ECE)
	}
}

func TestNewCurves_oneClassInTheRows(t *testing.T) {
	m, data := echoing([]int{1, 1}, 1, .5)
	c := NewCurves(m, data)
	if c.ROC[0] != nil || c.ROC[1] != nil || c.AUC[1] != 0 || c.PrecisionRecall[1] != nil {
		t.Errorf("curves %+v, want none for a single class", c)
	}
	if c.ECE != .25 {
		t.Errorf("ECE %v, want a half on one row of two", c.ECE)
	}
	if want := []Bin{{1, .5, 0}, {1, 1, 1}}; !slices.Equal(c.Calibration, want) {
		t.Errorf("calibration %v, want %v", c.Calibration, want)
	}
}

func TestPermutationImportance(t *testing.T) {
	m, data := echoing([]int{1, 0, 1, 0, 1, 0, 1, 0}, .9, .1, .9, .1, .9, .1, .9, .1)
	before := slices.Clone(data.X)
	got, err := PermutationImportance(t.Context(), m, data, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Feature != "f0" || got[0].LogLoss < .3 || got[0].Accuracy < .1 {
		t.Errorf("got %v, want f0 to matter", got)
	}
	if got[1] != (Importance{Feature: "f1"}) {
		t.Errorf("got %v, want 0 for a feature that the model does not use", got[1])
	}
	if again, err := PermutationImportance(t.Context(), m, data, 1); err != nil || !slices.Equal(again, got) {
		t.Errorf("the second time: %v, %v; want the same", again, err)
	}
	if !slices.Equal(data.X, before) {
		t.Error("the table was changed")
	}
}

func TestPermutationImportance_manyRows(t *testing.T) {
	y, x := make([]int, maxImportanceRows+500), make([]float64, maxImportanceRows+500)
	for r := range y {
		y[r], x[r] = r%2, float64(r%2)*.8+.1
	}
	m, data := echoing(y, x...)
	got, err := PermutationImportance(t.Context(), m, data, 1)
	if want := math.Log(9) / 2; err != nil || math.Abs(got[0].LogLoss-want) > .1 {
		t.Errorf("got %v, %v; want about %v", got, err, want)
	}
}

func TestPermutationImportance_errors(t *testing.T) {
	m, data := echoing([]int{1, 0}, .9, .1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := PermutationImportance(ctx, m, data, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	data.Schema.Features = []string{"other", "f1"}
	if _, err := PermutationImportance(t.Context(), m, data, 1); err == nil {
		t.Error("got no error for data with other features")
	}
}
