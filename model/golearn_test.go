package model

import (
	"reflect"
	"strings"
	"testing"
)

// TestDecisionTree_predictsAsGolearn compares the flattened tree with golearn's own walk over its nodes, on training
// rows and on other rows.
func TestDecisionTree_predictsAsGolearn(t *testing.T) {
	tests := []struct {
		name, data, criterion string
		depth                 int64
		hyperparameters       string
	}{
		{"wine gini", "wine", "gini", -1, `{}`},
		{"wine entropy", "wine", "entropy", -1, `{"criterion":"entropy"}`},
		{"wine stump", "wine", "gini", 1, `{"max_depth":1}`},
		{"wine depth 3", "wine", "gini", 3, `{"max_depth":3}`},
		{"iris gini", "iris", "gini", -1, `{}`},
		{"breast cancer depth 4", "breast_cancer", "entropy", 4, `{"criterion":"entropy","max_depth":4}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := load(t, test.data)
			trainRows, _ := folds(test.data)
			some := all.Subset(trainRows[0])
			m := train(t, some, Spec{Algorithm: DecisionTree, Hyperparameters: []byte(test.hyperparameters)})

			grid, err := newGrid(some)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := growTree(grid, len(all.Schema.Classes), test.criterion, test.depth)
			if err != nil {
				t.Fatal(err)
			}
			allGrid, err := newGrid(all)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float64, len(all.Schema.Classes))
			for r, want := range theirs.Predict(allGrid) {
				if got := m.Predict(all.Row(r), p); int64(got) != want {
					t.Errorf("row %d: class %d, golearn predicts %d", r, got, want)
				}
			}
		})
	}
}

func TestGrowTree_golearnsError(t *testing.T) {
	grid, err := newGrid(load(t, "iris"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := growTree(grid, 3, "misclassification", -1); err == nil || !strings.Contains(err.Error(), "golearn: ") {
		t.Errorf("got %v, want the error of golearn about the criterion", err)
	}
}

func TestConfusionMatrix(t *testing.T) {
	tests := []struct {
		name              string
		actual, predicted []int
		classes           int
		want              [][]int
	}{
		{"every pair", []int{0, 0, 0, 1, 1, 1}, []int{0, 0, 1, 0, 1, 1}, 2, [][]int{{2, 1}, {1, 2}}},
		{"a class that is only predicted", []int{0, 0}, []int{0, 2}, 3, [][]int{{1, 0, 1}, {0, 0, 0}, {0, 0, 0}}},
		{"a class that is never predicted", []int{0, 1}, []int{0, 0}, 2, [][]int{{1, 0}, {1, 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := confusionMatrix(test.actual, test.predicted, test.classes)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestConfusionMatrix_differentLengths(t *testing.T) {
	if got, err := confusionMatrix([]int{0, 1}, []int{0}, 2); err == nil {
		t.Errorf("got %v, want the error of golearn", got)
	}
}
