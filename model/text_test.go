package model_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/partition"
	"iris/model"
)

// Every family learns from words alone, and its artifact does.
func TestTrain_text(t *testing.T) {
	table := datasettest.Reviews(t, 1200)
	train, test := partition.NewSplit(table, 42, 0.25).Rows(table)
	trainTable, testTable := table.Subset(train), table.Subset(test)
	for _, algorithm := range []model.Algorithm{
		model.LogisticRegression, model.GaussianNB, model.KNN, model.MLP, model.DecisionTree, model.GBDT, model.RandomForest,
		model.Ensemble,
	} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			spec := model.Spec{Algorithm: algorithm, Seed: 42}
			switch algorithm {
			case model.GBDT:
				spec.Hyperparameters = []byte(`{"n_rounds":40}`)
			case model.Ensemble:
				spec.Hyperparameters = []byte(`{"members":[{"algorithm":"gaussian_nb","weight":1},` +
					`{"algorithm":"logistic_regression","weight":1}],"temperature":1.1}`)
			}
			m, err := model.Train(t.Context(), trainTable, spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			metrics, err := model.Evaluate(m, testTable)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("accuracy %.3f", metrics.Accuracy)
			if metrics.Accuracy < 0.9 {
				t.Errorf("accuracy %.3f, want 0.9", metrics.Accuracy)
			}
			encoded, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := model.Decode(encoded)
			if err != nil {
				t.Fatal(err)
			}
			p, q := make([]float64, 2), make([]float64, 2)
			for r := range testTable.Rows() {
				m.Predict(testTable.Row(r), p)
				if decoded.Predict(testTable.Row(r), q); !slices.Equal(p, q) {
					t.Fatalf("row %d: %v before and %v after the artifact", r, p, q)
				}
			}
			_, err = m.ONNX()
			if !errors.Is(err, model.ErrNoONNX) || !strings.Contains(err.Error(), `hash the words of "review"`) {
				t.Errorf("ONNX: %v, want that it cannot hash", err)
			}
		})
	}
}

// The values of an earlier row do not stand for a missing text.
func TestPredict_missingText(t *testing.T) {
	table := datasettest.Reviews(t, 400)
	m, err := model.Train(t.Context(), table, model.Spec{Algorithm: model.LogisticRegression}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clean, stale := slices.Clone(table.Row(0)), slices.Clone(table.Row(0))
	clean[1], stale[1] = math.NaN(), math.NaN()
	clear(clean[2:])
	p, q := make([]float64, 2), make([]float64, 2)
	m.Predict(clean, p)
	m.Predict(stale, q)
	if !slices.Equal(p, q) {
		t.Errorf("%v without and %v with values of an earlier row", p, q)
	}
	cells := dataset.NewCells(m.Schema())
	if n := testing.AllocsPerRun(100, func() {
		cells.Text(stale, 1, []byte("The soup was cold"))
		m.Predict(stale, q)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// A text matters as a whole.
func TestPermutationImportance_text(t *testing.T) {
	table := datasettest.Reviews(t, 400)
	before := slices.Clone(table.X)
	m, err := model.Train(t.Context(), table, model.Spec{Algorithm: model.LogisticRegression}, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := model.PermutationImportance(t.Context(), m, table, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[1].Feature != "review" || found[1].Accuracy < 0.3 || math.Abs(found[0].Accuracy) > 0.1 {
		t.Errorf("%+v, want that only the review matters", found)
	}
	if !datasettest.SameRow(before, table.X) {
		t.Error("the table has changed")
	}
}

func TestTrain_badTextValues(t *testing.T) {
	table := datasettest.Reviews(t, 300)
	table.Row(3)[5] = 2
	if _, err := model.Train(t.Context(), table, model.Spec{}, nil); err == nil ||
		!strings.Contains(err.Error(), "row 4: a value of a text is 2") {
		t.Errorf("%v, want the bad value", err)
	}
}

func TestFitMemory_text(t *testing.T) {
	schema := datasettest.Reviews(t, 300).Schema
	inputs := model.InputsOf(schema)
	if inputs.Texts != 1 || inputs.Numbers != 257 || inputs.Splits != 257 || inputs.Likelihoods != 257 {
		t.Errorf("inputs %+v, want a number and the 256 of a text", inputs)
	}
	size := model.Size{Rows: 1000, Features: 2, Classes: 2, Inputs: inputs}
	if got, want := size.TableMemory(), int64(1000*(2+256+1)*8); got != want {
		t.Errorf("a table of %d bytes, want %d", got, want)
	}
}
