package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"iris/internal/dataset"
)

func TestAdaptGBDT(t *testing.T) {
	for name, test := range map[string]struct {
		hyperparameters string
		size            Size
		folds           bool
		want            gbdtSettings // those that can be auto
	}{
		"few rows": {
			"",
			Size{Rows: 150, Features: 4, Classes: 3},
			true,
			gbdtSettings{Rounds: 200, LearningRate: .1, NumLeaves: 15, MinRowsLeaf: 5, StoppingRounds: 15, Validation: .1},
		},
		"more rows": {
			"",
			Size{Rows: 6000, Features: 20, Classes: 2},
			true,
			gbdtSettings{Rounds: 500, LearningRate: .05, NumLeaves: 15, MinRowsLeaf: 10, StoppingRounds: 20, Validation: .1},
		},
		"many rows": {
			"",
			Size{Rows: 6001, Features: 20, Classes: 2},
			false,
			gbdtSettings{Rounds: 300, LearningRate: .1, NumLeaves: 31, MinRowsLeaf: 10, StoppingRounds: 20, Validation: .1},
		},
		"many classes": {
			"",
			Size{Rows: 3000, Features: 20, Classes: 200},
			false,
			gbdtSettings{Rounds: 300, LearningRate: .1, NumLeaves: 31, MinRowsLeaf: 10, StoppingRounds: 20, Validation: .1},
		},
		"many features": {
			"",
			Size{Rows: 3000, Features: 4000, Classes: 2},
			false,
			gbdtSettings{Rounds: 300, LearningRate: .1, NumLeaves: 31, MinRowsLeaf: 10, StoppingRounds: 20, Validation: .1},
		},
		"few rows of many classes": {
			"",
			Size{Rows: 1500, Features: 20, Classes: 200},
			false,
			gbdtSettings{Rounds: 60, LearningRate: .2, NumLeaves: 63, MinRowsLeaf: 10, StoppingRounds: 10, Validation: .1},
		},
		"never stops early": {
			`{"early_stopping_rounds":0}`,
			Size{Rows: 150, Features: 4, Classes: 3},
			false,
			gbdtSettings{Rounds: 60, LearningRate: .2, NumLeaves: 63, MinRowsLeaf: 10, Validation: .1},
		},
		"a validation part": {
			`{"validation_share":0.2}`,
			Size{Rows: 5000, Features: 4, Classes: 3},
			false,
			gbdtSettings{Rounds: 300, LearningRate: .1, NumLeaves: 31, MinRowsLeaf: 10, StoppingRounds: 20, Validation: .2},
		},
		"some given": {
			`{"n_rounds":7,"num_leaves":4}`,
			Size{Rows: 150, Features: 4, Classes: 3},
			true,
			gbdtSettings{Rounds: 7, LearningRate: .1, NumLeaves: 4, MinRowsLeaf: 5, StoppingRounds: 15, Validation: .1},
		},
		"all given, as in an artifact before the values auto": {
			`{"early_stopping_rounds":10,"learning_rate":0.2,"min_rows_leaf":10,"n_rounds":60,"num_leaves":63,` +
				`"validation_share":0.1}`,
			Size{Rows: 150, Features: 4, Classes: 3},
			false,
			gbdtSettings{Rounds: 60, LearningRate: .2, NumLeaves: 63, MinRowsLeaf: 10, StoppingRounds: 10, Validation: .1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(test.hyperparameters)}
			got := adapted(t, s, test.size)
			got = gbdtSettings{
				Rounds: got.Rounds, LearningRate: got.LearningRate, NumLeaves: got.NumLeaves,
				MinRowsLeaf: got.MinRowsLeaf, StoppingRounds: got.StoppingRounds, Validation: got.Validation,
			}
			_, values, err := s.resolve()
			if folds := adaptGBDT(values, test.size); err != nil || folds != test.folds || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, folds %v (%v), want %+v, folds %v", got, folds, err, test.want, test.folds)
			}
		})
	}
}

// TestGBDT_artifactNamesTheNumbers checks that a fit with the spec of an artifact gives the same artifact.
func TestGBDT_artifactNamesTheNumbers(t *testing.T) {
	data := load(t, "iris")
	m := train(t, data, Spec{Algorithm: GBDT, Seed: 3})
	var h gbdtSettings
	if err := m.Spec().read(&h); err != nil {
		t.Fatalf("%s: %v", m.Spec().Hyperparameters, err)
	}
	trees := m.scorer.(*gbdt).Trees.Len()
	if h.Rounds < 10 || h.Rounds > 150 || trees != 3*h.Rounds || h.StoppingRounds != 0 {
		t.Errorf("%+v with %d trees, want the number of rounds that the folds tell, and three trees each", h, trees)
	}
	decoded, err := Decode(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if again := train(t, data, decoded.Spec()); !bytes.Equal(encode(t, again), encode(t, m)) {
		t.Error("a fit with the spec of the artifact gives another artifact")
	}
}

func TestGBDT_foldsGiveTheSameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	data, s := load(t, "wine"), Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(`{"n_rounds":30}`), Seed: 5}
	first := encode(t, train(t, data, s))
	for _, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		if !bytes.Equal(encode(t, train(t, data, s)), first) {
			t.Errorf("with GOMAXPROCS %d the model differs", procs)
		}
	}
}

// TestGBDT_foldsStopOnNoise has nothing to learn: more than a few rounds would fit the noise.
func TestGBDT_foldsStopOnNoise(t *testing.T) {
	m := train(t, noise(400, 6, 2, 0), Spec{Algorithm: GBDT})
	if n := m.scorer.(*gbdt).Trees.Len(); n > 10 {
		t.Errorf("%d trees on noise, want a few", n)
	}
}

// TestGBDT_foldsOfFewRows has too few rows for five folds, and classes that some folds lack.
func TestGBDT_foldsOfFewRows(t *testing.T) {
	for name, data := range map[string]*dataset.Table{
		"two rows":       table([]int{0, 1}, []float64{1}, []float64{2}),
		"two equal rows": table([]int{0, 1}, []float64{1}, []float64{1}),
		"one of a class": table([]int{0, 0, 0, 1}, []float64{1}, []float64{2}, []float64{3}, []float64{4}),
	} {
		t.Run(name, func(t *testing.T) {
			m, p := train(t, data, Spec{Algorithm: GBDT}), make([]float64, 2)
			m.Predict([]float64{1}, p)
			if !(p[0] > 0 && p[0] < 1) {
				t.Errorf("probabilities %v", p)
			}
		})
	}
}

func TestGBDT_foldsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data := noise(400, 6, 2, .5)
	h := adapted(t, Spec{Algorithm: GBDT}, sizeOf(data))
	if _, err := h.roundsByFolds(ctx, data, 1, []float64{1, 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
