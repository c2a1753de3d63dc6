package model

import (
	"encoding/json"
	"math"
	"testing"
)

// TestFitMemory compares estimates with the peaks of processes that fitted tables of random numbers, less the 12 MiB of
// a process that fits nothing.
func TestFitMemory(t *testing.T) {
	for _, test := range []struct {
		algorithm               Algorithm
		hyperparameters         string
		rows, features, classes int
		want                    int // MiB
	}{
		{LogisticRegression, "", 200_000, 20, 3, 27},
		{LogisticRegression, "", 2000, 1000, 100, 52},
		{GaussianNB, "", 200_000, 20, 3, 26},
		{GaussianNB, "", 2000, 1000, 100, 28},
		{KNN, "", 50_000, 20, 3, 48},
		{KNN, "", 200_000, 20, 3, 210},
		{KNN, "", 50_000, 80, 3, 207},
		{DecisionTree, "", 200_000, 20, 3, 58},
		{DecisionTree, "", 50_000, 80, 3, 39},
		{GBDT, `{"num_leaves":63}`, 50_000, 20, 3, 24},
		{GBDT, `{"num_leaves":63}`, 200_000, 20, 3, 67},
		{GBDT, `{"num_leaves":63}`, 50_000, 80, 3, 80},
		{GBDT, `{"n_rounds":3,"num_leaves":63}`, 20_000, 20, 100, 52},
		{GBDT, `{"n_rounds":3,"num_leaves":63}`, 20_000, 1000, 3, 277},
		{RandomForest, `{"n_trees":20}`, 50_000, 20, 3, 30},
		{RandomForest, `{"n_trees":60}`, 50_000, 20, 3, 54},
		{RandomForest, `{"n_trees":20}`, 100_000, 20, 3, 66},
		{RandomForest, `{"n_trees":20}`, 50_000, 80, 3, 55},
		{MLP, `{"epochs":1}`, 200_000, 20, 3, 36},
		{MLP, `{"epochs":1,"hidden_layers":[1000,1000]}`, 20_000, 20, 3, 86},
		{MLP, `{"epochs":1,"hidden_layers":[1000]}`, 5000, 1000, 3, 141},
	} {
		spec := Spec{Algorithm: test.algorithm, Hyperparameters: json.RawMessage(test.hyperparameters)}
		size := Size{Rows: test.rows, Features: test.features, Classes: test.classes, Processors: 2}
		got := float64(FitMemory(spec, size)) / (1 << 20)
		if ratio := got / float64(test.want); ratio < 0.8 || ratio > 1.6 {
			t.Errorf("%s %s on %s: %.0f MiB, measured %d", test.algorithm, test.hyperparameters, size, got, test.want)
		}
	}
}

func TestValidationMemory(t *testing.T) {
	for _, test := range []struct {
		rows, features, want int // MiB
	}{
		{200_000, 20, 78}, {200_000, 4, 34}, {400_000, 4, 74},
	} {
		size := Size{Rows: test.rows, Features: test.features, Classes: 3, Processors: 2}
		got := float64(ValidationMemory(Spec{Algorithm: GaussianNB}, size, 5)) / (1 << 20)
		if ratio := got / float64(test.want); ratio < 0.8 || ratio > 1.6 {
			t.Errorf("%s: %.0f MiB, measured %d", size, got, test.want)
		}
	}
}

func TestFitMemory_extremes(t *testing.T) {
	large := Size{Rows: math.MaxInt32, Features: 4096, Classes: 1000, Processors: 64}
	for _, algorithm := range Algorithms() {
		if got := FitMemory(Spec{Algorithm: algorithm}, large); got < large.TableMemory() {
			t.Errorf("%s: %d bytes for a table of %d", algorithm, got, large.TableMemory())
		}
	}
	if got := FitMemory(Spec{Algorithm: "unknown"}, Size{Rows: 10, Features: 4}); got != 400 {
		t.Errorf("a spec that does not resolve: %d bytes, want those of the table", got)
	}
	shallow := Spec{Algorithm: RandomForest, Hyperparameters: json.RawMessage(`{"max_depth":3}`)}
	size := Size{Rows: 1_000_000, Features: 10, Classes: 2, Processors: 2}
	if less, more := FitMemory(shallow, size), FitMemory(Spec{Algorithm: RandomForest}, size); less*2 > more {
		t.Errorf("trees of 8 leaves: %d bytes, trees without a limit: %d", less, more)
	}
}

// A learner of a mixed table has a table of its inputs beside the table of the features.
func TestFitMemory_mixed(t *testing.T) {
	data := mixed(10, 2, 1)
	inputs := InputsOf(data.Schema)
	if want := (Inputs{Numbers: 77, Splits: 21, Likelihoods: 20}); inputs == nil || *inputs != want {
		t.Fatalf("inputs %+v, want %+v", inputs, want)
	}
	if got := InputsOf(load(t, "iris").Schema); got != nil {
		t.Errorf("inputs %+v of a plain schema, want none", got)
	}
	size := Size{Rows: 1_000_000, Features: 9, Classes: 2, Processors: 2, Inputs: inputs}
	for _, algorithm := range Algorithms() {
		got, least := FitMemory(Spec{Algorithm: algorithm}, size), size.TableMemory()+int64(size.Rows)*20*8
		if got < least || got > 40*least {
			t.Errorf("%s: %d MiB, want more than the %d of both tables", algorithm, got>>20, least>>20)
		}
	}
}
