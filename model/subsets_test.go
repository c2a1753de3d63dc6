package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

var treeFamilies = []Algorithm{DecisionTree, GBDT, RandomForest}

// levels returns a table with a categorical feature of that many levels and two numbers. Each level has its own odds of
// the classes. The first number has an effect too, whose sign depends on the level.
func levels(rows, levels, classes int) *dataset.Table {
	random := rand.New(rand.NewPCG(11, 12))
	effects, signs := make([]float64, levels*classes), make([]float64, levels)
	for i := range effects {
		effects[i] = random.NormFloat64()
	}
	for i := range signs {
		signs[i] = float64(2*random.IntN(2) - 1)
	}
	x, y := make([][]float64, rows), make([]int, rows)
	scores := make([]float64, classes)
	for r := range x {
		code := int(float64(levels) * math.Pow(random.Float64(), 1.5)) // the first levels are more frequent
		x[r] = []float64{random.NormFloat64(), float64(code), random.NormFloat64()}
		for k := range scores {
			scores[k] = effects[code*classes+k] + float64(k)*signs[code]*x[r][0]
		}
		softmax(scores)
		for at := random.Float64(); y[r] < classes-1 && at >= scores[y[r]]; y[r]++ {
			at -= scores[y[r]]
		}
	}
	t := table(y, x...)
	t.Codes = []int{0, levels, 0}
	return t
}

// asNumbers returns the table with its codes as numbers.
func asNumbers(t *dataset.Table) *dataset.Table {
	plain := t.Subset(allRows(t))
	plain.Codes = nil
	return plain
}

// oneHot returns the table with a 0 or 1 for each level in place of the codes of feature 1.
func oneHot(t *dataset.Table) *dataset.Table {
	rows := make([][]float64, t.Rows())
	for r := range rows {
		x := t.Row(r)
		rows[r] = append(make([]float64, t.Codes[1]), x[0], x[2])
		rows[r][int(x[1])] = 1
	}
	return table(slices.Clone(t.Y), rows...)
}

func allRows(t *dataset.Table) []int {
	rows := make([]int, t.Rows())
	for r := range rows {
		rows[r] = r
	}
	return rows
}

// TestSubsets_beatCodesAndOneHot compares the log loss on new rows of subsets of levels with that of two encodings by
// hand.
func TestSubsets_beatCodesAndOneHot(t *testing.T) {
	native := levels(6000, 30, 2)
	loss := func(data *dataset.Table, s Spec) float64 {
		rows := allRows(data)
		metrics, err := Evaluate(train(t, data.Subset(rows[:3000]), s), data.Subset(rows[3000:]))
		if err != nil {
			t.Fatal(err)
		}
		return metrics.LogLoss
	}
	for algorithm, h := range map[Algorithm]string{
		GBDT:         `{"num_leaves":15,"learning_rate":0.1,"feature_share":1}`,
		RandomForest: `{"min_rows_leaf":10}`,
		DecisionTree: `{"max_depth":5}`,
	} {
		s := Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(h)}
		subsets, numbers, columns := loss(native, s), loss(asNumbers(native), s), loss(oneHot(native), s)
		if subsets > numbers-.005 || subsets > columns-.005 {
			t.Errorf("%s: log loss %.4f with subsets, %.4f with codes as numbers, %.4f one-hot: want it at least .005 lower",
				algorithm, subsets, numbers, columns)
		}
	}
}

// leavesOf returns the leaves of the trees of a model that the row x falls into.
func leavesOf(m *Model, x []float64) []int {
	var trees *tree.Ensemble
	switch s := m.scorer.(type) {
	case *decisionTree:
		return []int{s.leaf(x)}
	case *gbdt:
		trees = &s.Trees
	case *randomForest:
		trees = &s.Trees
	}
	var search tree.Search
	var leaves []int
	trees.Begin(x, &search)
	for len(leaves) < trees.Len() {
		for _, l := range trees.Find(x, len(leaves), &search) {
			leaves = append(leaves, int(l))
		}
	}
	return leaves
}

// onnxLeaves walks down the trees of a TreeEnsembleRegressor, beginning with the tree first.
func onnxLeaves(t *testing.T, n onnxNode, first int, x []float64) []int {
	t.Helper()
	ints := func(name string) []int { return n.attributes[name].ints }
	values := n.attributes["nodes_values_as_tensor"].tensor.doubles
	at := make(map[[2]int]int) // by tree and number
	for i, tree := range ints("nodes_treeids") {
		key := [2]int{tree, ints("nodes_nodeids")[i]}
		if _, taken := at[key]; taken {
			t.Fatalf("tree %d has two nodes %d", key[0], key[1])
		}
		at[key] = i
	}
	leaves := make(map[[2]int]int)
	for i, tree := range ints("target_treeids") {
		leaves[[2]int{tree, ints("target_nodeids")[i]}] = int(n.attributes["target_weights_as_tensor"].tensor.doubles[i])
	}
	var found []int
	for tree := first; tree < n.attributes["n_targets"].i; tree++ {
		key := [2]int{tree, 0}
		for {
			i, ok := at[key]
			if !ok {
				t.Fatalf("tree %d has no node %d", key[0], key[1])
			}
			mode, v := n.attributes["nodes_modes"].strings[i], x[ints("nodes_featureids")[i]]
			if mode == "LEAF" {
				break
			}
			if mode == "BRANCH_LT" && v < values[i] || mode == "BRANCH_EQ" && v == values[i] {
				key[1] = ints("nodes_truenodeids")[i]
			} else {
				key[1] = ints("nodes_falsenodeids")[i]
			}
		}
		found = append(found, leaves[key])
	}
	return found
}

// TestSubsets_everyForm checks that a model, its artifact and its ONNX graph find the same leaves, and that a
// prediction does not allocate.
func TestSubsets_everyForm(t *testing.T) {
	for _, classes := range []int{2, 3} {
		data := levels(2500, 40, classes)
		for _, algorithm := range treeFamilies {
			t.Run(fmt.Sprint(algorithm, classes), func(t *testing.T) {
				h := map[Algorithm]string{GBDT: `{"n_rounds":10,"feature_share":1}`, RandomForest: `{"n_trees":5}`}[algorithm]
				m := train(t, data, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(h)})
				decoded, err := Decode(encode(t, m))
				if err != nil {
					t.Fatal(err)
				}
				f := encodeONNX(t, decoded)
				f.checkFlow(t)
				if !slices.Contains(f.nodes[0].attributes["nodes_modes"].strings, "BRANCH_EQ") {
					t.Fatal("the trees have no subset")
				}
				first := map[Algorithm]int{GBDT: scores(classes), RandomForest: 1}[algorithm] // trees of one leaf come first
				for r := 0; r < data.Rows(); r += 50 {
					x := data.Row(r)
					want := leavesOf(m, x)
					if got := leavesOf(decoded, x); !slices.Equal(got, want) {
						t.Fatalf("%v: leaves %v after Encode and Decode, want %v", x, got, want)
					}
					if got := onnxLeaves(t, f.nodes[0], first, x); !slices.Equal(got, want) {
						t.Fatalf("%v: leaves %v in ONNX, want %v", x, got, want)
					}
				}
				p := make([]float64, classes)
				if n := testing.AllocsPerRun(100, func() { m.Predict(data.Row(5), p) }); n > 0 {
					t.Errorf("a prediction allocates %v times, want 0", n)
				}
				checkProbabilities(t, p)
			})
		}
	}
}

// TestSubsets_withoutCodes checks that a model does not decode if its features are not those that its subsets need.
func TestSubsets_withoutCodes(t *testing.T) {
	data := levels(500, 10, 2)
	for _, algorithm := range treeFamilies {
		for _, bad := range [][]int{nil, {0, 3, 0}, {10, 0, 0}, {0, 65, 0}, {0, 10}} {
			m := train(t, data, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(`{"max_depth":2}`)})
			switch s := m.scorer.(type) {
			case *decisionTree:
				s.Codes = bad
			case *gbdt:
				s.Codes = bad
			case *randomForest:
				s.Codes = bad
			}
			if err := m.scorer.prepare(3, 2); err == nil {
				t.Errorf("%s accepts its subsets with the codes %v", algorithm, bad)
			}
		}
	}
}

// TestSubsets_numbersOnly checks that codes of 0 give the bytes of a table without codes.
func TestSubsets_numbersOnly(t *testing.T) {
	plain := load(t, "iris")
	zeros := plain.Subset(allRows(plain))
	zeros.Codes = make([]int, 4)
	for _, algorithm := range treeFamilies {
		s := Spec{Algorithm: algorithm}
		if !bytes.Equal(encode(t, train(t, zeros, s)), encode(t, train(t, plain, s))) {
			t.Errorf("%s: the bytes differ", algorithm)
		}
	}
}
