package model

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestGBDT_refusesWhatTakesTooMuchMemory(t *testing.T) {
	for _, test := range []struct {
		name            string
		hyperparameters string
		rows, classes   int
		want            string // part of the error; "" for none
	}{
		{"two classes of many rows", "", 20_000_000, 2, ""},
		{"many classes of few rows", "", 5000, 1000, ""},
		{
			"many classes of many rows", "", 100_000, 1000,
			"1000 classes with 100000 rows take 1527 MiB, at most 1024 MiB are allowed, so at most 670 classes",
		},
		{"many trees", `{"n_rounds":1000,"early_stopping_rounds":0}`, 5000, 1000, "so at most 348 classes"},
		{"many trees that may stop early", `{"n_rounds":1000}`, 5000, 1000, ""},
		{"many trees of too few rows to stop early", `{"n_rounds":10000,"min_rows_leaf":1}`, 1999, 1000, "classes"},
		{"many trees of two classes", `{"n_rounds":10000,"num_leaves":1024,"early_stopping_rounds":0}`, 100_000, 2, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec, err := Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(test.hyperparameters)}.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			h := adapted(t, spec, Size{Rows: test.rows, Features: 4, Classes: test.classes})
			err = h.checkMemory(test.rows, test.classes)
			if test.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			wrong, ok := errors.AsType[*SpecError](err)
			if !ok || wrong.Pointer != "/algorithm" || !strings.Contains(wrong.Reason, test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// adapted returns the settings of a fit of a table of that size, without the rounds that folds tell.
func adapted(t *testing.T, s Spec, size Size) (h gbdtSettings) {
	t.Helper()
	s, values, err := s.resolve()
	if err != nil {
		t.Fatal(err)
	}
	adaptGBDT(values, size)
	if s.Hyperparameters, err = json.Marshal(values); err != nil {
		t.Fatal(err)
	}
	if err := s.read(&h); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestGBDT_refusesAModelThatGrowsTooLarge checks both refusals. A fit that may stop early is refused once its trees
// have become too large. Any other fit is refused before it begins.
func TestGBDT_refusesAModelThatGrowsTooLarge(t *testing.T) {
	o := newTestBooster(t, noise(100, 1, 4, 1), gbdtSettings{
		NumLeaves: 2, Rounds: 1, FeatureShare: 1, RowShare: 1, MinRowsLeaf: 1,
	})
	if err := o.checkGrown(); err != nil {
		t.Errorf("without a tree: %v", err)
	}
	err := refuseMemory(100, 4, maxBoostBytes/4)
	if err == nil || !strings.Contains(err.Error(), "4 classes with 100 rows") {
		t.Errorf("with trees that fill the memory: %v, want it refused", err)
	}
	wide := noise(3000, 1, 1000, 1)
	spec := Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(`{"n_rounds":10000,"early_stopping_rounds":0}`)}
	if _, err := Train(t.Context(), wide, spec, nil); err == nil || !strings.Contains(err.Error(), "1000 classes") {
		t.Errorf("trained 1000 classes in 10,000 rounds: %v, want it refused", err)
	}
}
