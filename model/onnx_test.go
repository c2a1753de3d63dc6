package model

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// encodeONNX encodes a model as ONNX and reads the file back.
func encodeONNX(t testing.TB, m *Model) onnxFile {
	t.Helper()
	b, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	return readONNX(t, b)
}

func TestONNX_everyFamily(t *testing.T) {
	for _, algorithm := range Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			wine := load(t, "wine")
			m := train(t, wine, Spec{Algorithm: algorithm})
			b, err := m.ONNX()
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(encode(t, m))
			if err != nil {
				t.Fatal(err)
			}
			if again, err := decoded.ONNX(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("after Encode and Decode the bytes differ (%v)", err)
			}
			f := readONNX(t, b)
			if f.ir != 8 || f.opsets[""] != 18 || f.producer != "iris" || f.name != string(algorithm) {
				t.Errorf("ir %d, opsets %v, producer %q, name %q; want 8, 18, iris and the algorithm",
					f.ir, f.opsets, f.producer, f.name)
			}
			var features []string
			err = json.Unmarshal([]byte(f.metadata["features"]), &features)
			if err != nil || !slices.Equal(features, wine.Schema.Features) {
				t.Errorf("features %q (%v), want those of the schema", f.metadata["features"], err)
			}
			if want := []onnxValue{{"input", 11, []any{"N", 13}}}; !equalValues(f.inputs, want) {
				t.Errorf("inputs %v, want %v", f.inputs, want)
			}
			want := []onnxValue{
				{"label", 8, []any{"N"}},
				{"p_0", 11, []any{"N", 1}},
				{"p_1", 11, []any{"N", 1}},
				{"p_2", 11, []any{"N", 1}},
			}
			if !equalValues(f.outputs, want) {
				t.Errorf("outputs %v, want %v", f.outputs, want)
			}
			f.checkFlow(t)
		})
	}
}

func TestONNX_logisticRegression(t *testing.T) {
	m := train(t, load(t, "iris"), Spec{})
	f := encodeONNX(t, m)
	f.checkOperators(t, "Sub", "Div", "Clip", "Gemm", "Softmax")
	if _, ok := f.opsets["ai.onnx.ml"]; ok {
		t.Error("it requires ai.onnx.ml, which it does not use")
	}
	learned := m.scorer.(*logisticRegression)
	f.checkDoubles(t, 0, 1, learned.Mean, 4)
	f.checkDoubles(t, 1, 1, learned.Scale, 4)
	f.checkDoubles(t, 2, 1, []float64{-1e100})
	f.checkDoubles(t, 2, 2, []float64{1e100})
	f.checkDoubles(t, 3, 1, learned.Weights, 4, 3) // feature by feature
	f.checkDoubles(t, 3, 2, learned.Bias, 3)
	if got := f.constants[f.nodes[6].inputs[0]]; !slices.Equal(got.strings, []string{"0", "1", "2"}) {
		t.Errorf("labels %q, want the classes", got.strings)
	}
	if got := f.nodes[5].attributes; got["axis"].i != 1 || got["keepdims"].i != 0 {
		t.Errorf("ArgMax with %v, want axis 1 without keepdims", got)
	}
	if got := f.nodes[7]; got.attributes["num_outputs"].i != 3 ||
		!slices.Equal(got.outputs, []string{"p_0", "p_1", "p_2"}) {
		t.Errorf("Split %v, want it to make the three columns", got)
	}
}

func TestONNX_decisionTree(t *testing.T) {
	for name, test := range map[string]struct {
		tree *decisionTree
		want onnxTrees
	}{
		"two splits": {
			&decisionTree{
				Splits: []treeSplit{{1, 2.5, -2, 1, 0}, {0, math.Pi, -1, -3, 0}},
				Leaves: [][]int{{1, 0}, {0, 2}, {3, 3}},
			},
			onnxTrees{
				tree: []int{0, 0, 0, 0, 0}, node: []int{0, 1, 2, 3, 4}, feature: []int{1, 0, 0, 0, 0},
				modes:      []string{"BRANCH_LT", "BRANCH_LT", "LEAF", "LEAF", "LEAF"},
				thresholds: []float64{2.5, math.Pi, 0, 0, 0},
				yes:        []int{3, 2, 0, 0, 0}, no: []int{1, 4, 0, 0, 0},
				leafTree: []int{0, 0, 0}, leafNode: []int{2, 3, 4}, leaves: []float64{0, 1, 2},
			},
		},
		"no split": {
			&decisionTree{Leaves: [][]int{{1, 2}}},
			onnxTrees{
				tree: []int{0}, node: []int{0}, feature: []int{0}, modes: []string{"LEAF"}, thresholds: []float64{0},
				yes: []int{0}, no: []int{0}, leafTree: []int{0}, leafNode: []int{0}, leaves: []float64{0},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := encodeONNX(t, twoFeatures(t, test.tree, "a", "b"))
			f.checkOperators(t, "TreeEnsembleRegressor", "Cast", "Squeeze", "Gather")
			if f.opsets["ai.onnx.ml"] != 3 || f.nodes[0].domain != "ai.onnx.ml" {
				t.Errorf("opsets %v, domain %q; want version 3 of ai.onnx.ml", f.opsets, f.nodes[0].domain)
			}
			f.checkTrees(t, 1, test.want)
			if a := f.nodes[0].attributes; a["aggregate_function"].s != "SUM" || a["post_transform"].s != "NONE" {
				t.Errorf("aggregate %q and transform %q, want SUM and NONE", a["aggregate_function"].s, a["post_transform"].s)
			}
			f.checkInts(t, 2, 1, []int{1}, 1)
			f.checkDoubles(t, 3, 0, test.tree.probabilities, len(test.tree.Leaves), 2)
		})
	}
}

// twoFeatures prepares a scorer for rows of two features and returns it as a model.
func twoFeatures(t *testing.T, s scorer, classes ...string) *Model {
	t.Helper()
	if err := s.prepare(2, len(classes)); err != nil {
		t.Fatal(err)
	}
	return &Model{schema: dataset.Schema{Features: []string{"x", "y"}, Classes: classes}, scorer: s}
}

// checkOperators checks the operators up to the probabilities. The ones after that are the same in every model.
func (f *onnxFile) checkOperators(t *testing.T, want ...string) {
	t.Helper()
	f.checkFlow(t)
	if want = append(want, "ArgMax", "Gather", "Split"); !slices.Equal(f.operators(), want) {
		t.Fatalf("operators %v, want %v", f.operators(), want)
	}
}

// checkDoubles checks a float64 constant that is an input of a node.
func (f *onnxFile) checkDoubles(t *testing.T, node, input int, want []float64, shape ...int) {
	t.Helper()
	n := f.nodes[node]
	if got := f.constants[n.inputs[input]]; got.kind != 11 || !slices.Equal(got.doubles, want) ||
		!slices.Equal(got.shape, shape) {
		t.Errorf("%s with %v %v, want float64 %v %v", n.operator, got.shape, got.doubles, shape, want)
	}
}

// checkInts checks an int64 constant that is an input of a node.
func (f *onnxFile) checkInts(t *testing.T, node, input int, want []int, shape ...int) {
	t.Helper()
	n := f.nodes[node]
	if got := f.constants[n.inputs[input]]; got.kind != 7 || !slices.Equal(got.ints, want) ||
		!slices.Equal(got.shape, shape) {
		t.Errorf("%s with %v %v, want int64 %v %v", n.operator, got.shape, got.ints, shape, want)
	}
}

func TestONNX_mlp(t *testing.T) {
	for activation, operator := range map[string]string{"relu": "Relu", "tanh": "Tanh"} {
		t.Run(activation, func(t *testing.T) {
			m := &mlp{Activation: activation, Mean: []float64{1, 2}, Scale: []float64{3, 4}, Layers: []mlpLayer{
				{Weights: []float64{1, 2, 3, 4, 5, 6}, Biases: []float64{7, 8, 9}},
				{Weights: []float64{-1, -2, -3, -4, -5, -6}, Biases: []float64{10, 11}},
			}}
			f := encodeONNX(t, twoFeatures(t, m, "a", "b"))
			f.checkOperators(t, "Sub", "Div", "Clip", "Gemm", operator, "Gemm", "Softmax")
			f.checkDoubles(t, 3, 1, m.Layers[0].Weights, 2, 3)
			f.checkDoubles(t, 3, 2, m.Layers[0].Biases, 3)
			f.checkDoubles(t, 5, 1, m.Layers[1].Weights, 3, 2)
			f.checkDoubles(t, 5, 2, m.Layers[1].Biases, 2)
		})
	}
}

func TestONNX_gaussianNB(t *testing.T) {
	m := &gaussianNB{
		Priors:    []float64{.25, 0, .75},
		Means:     []float64{1, 2, 3, 4, 5, 6},
		Variances: []float64{1, 2, 3, 4, 5, 6},
	}
	f := encodeONNX(t, twoFeatures(t, m, "a", "b", "c"))
	f.checkOperators(t, "Unsqueeze", "Sub", "Mul", "Clip", "Mul", "ReduceSum", "Sub", "Softmax")
	f.checkInts(t, 0, 1, []int{2}, 1)
	f.checkDoubles(t, 1, 1, m.Means, 2, 3)
	f.checkDoubles(t, 2, 1, m.inverses, 2, 3)
	f.checkDoubles(t, 3, 1, []float64{-1e100})
	f.checkDoubles(t, 3, 2, []float64{1e100})
	f.checkInts(t, 5, 1, []int{1}, 1)
	f.checkDoubles(t, 6, 0, m.constants, 3)
	if m.constants[1] != outOfReach {
		t.Errorf("the class without prior has %v, want %v", m.constants[1], outOfReach)
	}
}

func TestONNX_knn(t *testing.T) {
	distances := []string{"Sub", "Div", "Clip", "Split", "Sub", "Mul", "Sub", "Mul", "Add", "TopK"}
	votes := []string{"Gather", "Unsqueeze", "Equal", "Cast"}
	for weights, rest := range map[string][]string{
		"uniform": {"ReduceSum", "Div"},
		"distance": {
			"Sqrt", "Reciprocal", "Equal", "Cast", "Gather", "Equal", "Where", "ReduceSum", "Unsqueeze", "Mul", "ReduceSum",
			"Div",
		},
	} {
		t.Run(weights, func(t *testing.T) {
			m := &knn{
				K: 2, Weights: weights, Mean: []float64{1, 2}, Scale: []float64{2, 4},
				Rows: []float64{1, 2, 3, 10, 0, 4}, Classes: []int{0, 2, 1},
			}
			f := encodeONNX(t, twoFeatures(t, m, "a", "b", "c"))
			f.checkOperators(t, slices.Concat(distances, votes, rest)...)
			f.checkDoubles(t, 2, 2, []float64{maxMagnitude})
			f.checkDoubles(t, 4, 1, []float64{0, 1, -.5}, 3) // the rows standardised, a feature a time
			f.checkDoubles(t, 6, 1, []float64{0, 2, .5}, 3)
			f.checkInts(t, 9, 1, []int{2}, 1)
			if a := f.nodes[9].attributes; a["axis"].i != 1 || a["largest"].i != 0 || a["sorted"].i != 1 {
				t.Errorf("TopK with %v, want the lowest along axis 1 in order", a)
			}
			f.checkInts(t, 10, 0, m.Classes, 3)
			f.checkInts(t, 12, 1, []int{0, 1, 2}, 3)
			if last := len(f.nodes) - 4; weights == "uniform" {
				f.checkDoubles(t, last, 1, []float64{2})
			}
		})
	}
}

// onnxTrees holds the attributes of a TreeEnsembleRegressor.
type onnxTrees struct {
	tree, node, feature, yes, no []int // per node
	modes                        []string
	thresholds                   []float64

	leafTree, leafNode []int // per leaf
	leaves             []float64
}

// checkTrees checks the first node, which has all trees.
func (f *onnxFile) checkTrees(t *testing.T, trees int, w onnxTrees) {
	t.Helper()
	a := f.nodes[0].attributes
	if a["n_targets"].i != trees {
		t.Errorf("%d targets, want one per tree", a["n_targets"].i)
	}
	for name, want := range map[string][]int{
		"nodes_treeids": w.tree, "nodes_nodeids": w.node, "nodes_featureids": w.feature, "nodes_truenodeids": w.yes,
		"nodes_falsenodeids": w.no, "target_treeids": w.leafTree, "target_nodeids": w.leafNode, "target_ids": w.leafTree,
	} {
		if !slices.Equal(a[name].ints, want) {
			t.Errorf("%s %v, want %v", name, a[name].ints, want)
		}
	}
	if got := a["nodes_modes"].strings; !slices.Equal(got, w.modes) {
		t.Errorf("modes %v, want %v", got, w.modes)
	}
	if got := a["nodes_values_as_tensor"].tensor; got.kind != 11 || !slices.Equal(got.doubles, w.thresholds) {
		t.Errorf("thresholds %v, want float64 %v", got.doubles, w.thresholds)
	}
	if got := a["target_weights_as_tensor"].tensor.doubles; !slices.Equal(got, w.leaves) {
		t.Errorf("leaf numbers %v, want %v", got, w.leaves)
	}
}

// checkTwoTrees checks the first node: a tree of the leaf 21, then twoTrees.
func (f *onnxFile) checkTwoTrees(t *testing.T) {
	t.Helper()
	f.checkTrees(t, 3, onnxTrees{
		tree: []int{0, 1, 1, 1, 2}, node: []int{0, 0, 1, 2, 0}, feature: []int{0, 1, 0, 0, 0},
		modes:      []string{"LEAF", "BRANCH_LT", "LEAF", "LEAF", "LEAF"},
		thresholds: []float64{0, 2.5, 0, 0, 0},
		yes:        []int{0, 1, 0, 0, 0}, no: []int{0, 2, 0, 0, 0},
		leafTree: []int{0, 1, 1, 2}, leafNode: []int{0, 1, 2, 0}, leaves: []float64{21, 0, 10, 20},
	})
}

func TestONNX_gbdt(t *testing.T) {
	values := make([]float64, 21)
	values[0], values[10], values[20] = -1, 1, math.Pi
	t.Run("two classes", func(t *testing.T) {
		f := encodeONNX(t, twoFeatures(t, &gbdt{Base: []float64{.5}, Trees: *twoTrees(t), Values: values}, "a", "b"))
		f.checkOperators(t, "TreeEnsembleRegressor", "Cast", "Gather", "Reshape", "CumSum", "Gather", "Pad", "Softmax")
		f.checkTwoTrees(t)
		f.checkDoubles(t, 2, 0, append(slices.Clone(values), .5), 22)
		f.checkInts(t, 3, 1, []int{0, 3, 1}, 3)
		f.checkInts(t, 4, 1, []int{1})
		f.checkInts(t, 5, 1, []int{2})
		f.checkInts(t, 6, 1, []int{0, 1, 0, 0}, 4)
	})
	t.Run("more", func(t *testing.T) {
		trees, third := twoTrees(t), new(tree.Tree)
		third.Leaf[third.Add()] = 3
		appendTrees(t, trees, third)
		base := []float64{.5, .6, .7}
		f := encodeONNX(t, twoFeatures(t, &gbdt{Base: base, Trees: *trees, Values: values}, "a", "b", "c"))
		f.checkOperators(t, "TreeEnsembleRegressor", "Cast", "Gather", "Reshape", "CumSum", "Gather", "Softmax")
		f.checkDoubles(t, 2, 0, slices.Concat(values, base), 24)
		leaves := f.nodes[0].attributes["target_weights_as_tensor"].tensor.doubles
		if want := []float64{21, 22, 23, 0, 10, 20, 3}; !slices.Equal(leaves, want) {
			t.Errorf("leaf numbers %v, want %v", leaves, want)
		}
		f.checkInts(t, 3, 1, []int{0, 2, 3}, 3)
		f.checkInts(t, 5, 1, []int{1})
	})
}

func TestONNX_randomForest(t *testing.T) {
	m := &randomForest{Trees: *twoTrees(t), Leaves: slices.Repeat([][]int{{1, 3}}, 21), ClassWeights: []float64{1, 1}}
	f := encodeONNX(t, twoFeatures(t, m, "a", "b"))
	f.checkOperators(t, "TreeEnsembleRegressor", "Cast", "Gather", "CumSum", "Gather")
	f.checkTwoTrees(t)
	f.checkDoubles(t, 2, 0, append(slices.Clone(m.shares), m.base, m.base), 22, 2)
	f.checkInts(t, 3, 1, []int{1})
	f.checkInts(t, 4, 1, []int{2})
}

func TestONNX_namesOfClasses(t *testing.T) {
	m := train(t, table([]int{0, 1, 0, 1}, []float64{1}, []float64{2}, []float64{1}, []float64{3}), Spec{})
	m.schema.Classes = []string{"", "label"}
	if f := encodeONNX(t, m); f.outputs[1].name != "p_" || f.outputs[2].name != "p_label" {
		t.Errorf("outputs %v, want p_ and p_label", f.outputs)
	}
	m.schema.Classes = []string{"a", "\xff"}
	if _, err := m.ONNX(); err == nil || !strings.Contains(err.Error(), "not UTF-8") {
		t.Errorf("got %v, want an error: protobuf has no such string", err)
	}
}

// inexpressible is a scorer that ONNX cannot express.
type inexpressible struct{ scorer }

func (inexpressible) onnx(g *onnx.Graph) string {
	trees := new(onnx.Trees)
	trees.Leaf(0, 0, onnx.MaxLeaf+1)
	g.Leaves(trees)
	g.Fail("a second reason")
	return "none"
}

func TestONNX_impossible(t *testing.T) {
	m := &Model{schema: dataset.Schema{Features: []string{"x"}, Classes: []string{"a", "b"}}, scorer: inexpressible{}}
	if b, err := m.ONNX(); err == nil || b != nil || !strings.Contains(err.Error(), "leaf 16777217") {
		t.Errorf("got %d bytes, %v; want the first reason as an error", len(b), err)
	}
}

func TestONNXOutputs(t *testing.T) {
	m := &Model{schema: dataset.Schema{Classes: []string{"b", "label"}}}
	if got, want := m.ONNXOutputs(), []string{"label", "p_b", "p_label"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
