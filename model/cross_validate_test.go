package model

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"

	"iris/internal/dataset"
)

func TestCrossValidate(t *testing.T) {
	iris := load(t, "iris")
	c := CrossValidation{Folds: 5, Repeats: 2, Seed: 42}
	var seen []Metrics
	got, err := CrossValidate(t.Context(), iris, Spec{}, c, func(fit int, m Metrics) {
		if fit != len(seen) {
			t.Errorf("fit %d is reported as number %d", fit, len(seen))
		}
		seen = append(seen, m)
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, sum := 0, 0.0
	for _, m := range seen {
		rows += m.Rows
		sum += m.Accuracy
	}
	if got.Fits != 10 || len(seen) != 10 || rows != 2*iris.Rows() {
		t.Errorf("%d fits on %d rows, want 10 that test each of the %d rows twice", got.Fits, rows, iris.Rows())
	}
	if accuracy := got.Scores["accuracy"]; math.Abs(accuracy.Mean-sum/10) > 1e-12 || accuracy.Mean < 0.93 ||
		accuracy.Std <= 0 {
		t.Errorf("accuracy %+v, want the mean of the fits, about 0.95", accuracy)
	}
	if loss := got.Scores["log_loss"]; loss.Mean > 0.25 ||
		math.Abs(got.StandardError("log_loss")-loss.Std/math.Sqrt(10)) > 1e-12 {
		t.Errorf("log loss %+v with a standard error of %v", loss, got.StandardError("log_loss"))
	}
	again, err := CrossValidate(t.Context(), iris, Spec{}, c, nil)
	if err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("a second time gives %+v (%v), want %+v", again, err, got)
	}
	once, err := CrossValidate(t.Context(), iris, Spec{}, CrossValidation{Folds: 5, Repeats: 1, Seed: 42}, nil)
	if err != nil || once.Scores["log_loss"] == got.Scores["log_loss"] {
		t.Errorf("the second repeat changes nothing (%v), as if its folds were the same", err)
	}
}

func TestCrossValidate_errors(t *testing.T) {
	iris := load(t, "iris")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	var wrong *SpecError
	tests := map[string]struct {
		ctx   context.Context
		table *dataset.Table
		spec  Spec
		holds func(error) bool
	}{
		"bad spec": {
			t.Context(),
			iris,
			Spec{Algorithm: "astrology"},
			func(err error) bool { return errors.As(err, &wrong) },
		},
		"cancelled": {cancelled, iris, Spec{}, func(err error) bool { return errors.Is(err, context.Canceled) }},
		"no rows": {
			t.Context(),
			iris.Subset(nil),
			Spec{},
			func(err error) bool { return errors.Is(err, ErrUnlearnable) },
		},
		"one distinct row": {
			t.Context(),
			iris.Subset([]int{0, 0, 0}),
			Spec{},
			func(err error) bool { return errors.Is(err, ErrUnlearnable) },
		},
		"one class is left": {
			t.Context(),
			iris.Subset([]int{0, 1, 2}),
			Spec{},
			func(err error) bool { return errors.Is(err, ErrUnlearnable) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := CrossValidate(test.ctx, test.table, test.spec, CrossValidation{Folds: 3, Repeats: 1, Seed: 1}, nil)
			if !test.holds(err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// As many folds as two classes allow, and no fit without two classes.
func TestCrossValidate_smallTables(t *testing.T) {
	iris := load(t, "iris")
	for name, test := range map[string]struct {
		rows        []int
		folds, fits int
	}{
		"four of each class":                 {[]int{0, 1, 2, 3, 50, 51, 52, 53}, 4, 4},
		"two of a class":                     {[]int{0, 1, 2, 3, 4, 5, 50, 51}, 2, 2},
		"a third class does not count":       {[]int{0, 1, 2, 3, 50, 51, 52, 53, 100}, 4, 4},
		"duplicates count once":              {[]int{0, 1, 2, 3, 50, 51, 51, 51}, 2, 2},
		"a fold that holds the class is out": {[]int{0, 1, 2, 3, 50}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			fits := 0
			got, err := CrossValidate(t.Context(), iris.Subset(test.rows), Spec{Algorithm: "knn"},
				CrossValidation{Folds: 5, Repeats: 1, Seed: 1}, func(int, Metrics) { fits++ })
			if err != nil || got.Folds != test.folds || got.Fits != test.fits || fits != test.fits {
				t.Errorf("got %d folds and %d fits (%v), want %d and %d", got.Folds, got.Fits, err, test.folds, test.fits)
			}
		})
	}
}

func TestScoreOf(t *testing.T) {
	if got := scoreOf([]float64{1, 2, 3}); got != (Score{Mean: 2, Std: 1}) {
		t.Errorf("1, 2, 3 score %+v, want 2 ± 1", got)
	}
	if got := scoreOf([]float64{5}); got != (Score{Mean: 5}) {
		t.Errorf("5 alone scores %+v, want a deviation of 0", got)
	}
}
