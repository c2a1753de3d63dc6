package model

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// encodeONNX encodes a model that must have an ONNX form, and reads it back.
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
				t.Errorf("ir %d, opsets %v, producer %q, name %q; want 8, 18, iris and the algorithm", f.ir, f.opsets, f.producer, f.name)
			}
			var features []string
			if err := json.Unmarshal([]byte(f.metadata["features"]), &features); err != nil || !slices.Equal(features, wine.Schema.Features) {
				t.Errorf("features %q (%v), want those of the schema", f.metadata["features"], err)
			}
			if want := []onnxValue{{"input", 11, []any{"N", 13}}}; !equalValues(f.inputs, want) {
				t.Errorf("inputs %v, want %v", f.inputs, want)
			}
			if want := []onnxValue{{"label", 8, []any{"N"}}, {"p_0", 11, []any{"N", 1}}, {"p_1", 11, []any{"N", 1}}, {"p_2", 11, []any{"N", 1}}}; !equalValues(f.outputs, want) {
				t.Errorf("outputs %v, want %v", f.outputs, want)
			}
			f.checkFlow(t)
		})
	}
}

func TestONNX_logisticRegression(t *testing.T) {
	m := train(t, load(t, "iris"), Spec{})
	f := encodeONNX(t, m)
	if want := []string{"Sub", "Div", "Clip", "Gemm", "Softmax", "ArgMax", "Gather", "Split"}; !slices.Equal(f.operators(), want) {
		t.Errorf("operators %v, want %v", f.operators(), want)
	}
	if _, ok := f.opsets["ai.onnx.ml"]; ok {
		t.Error("it asks for ai.onnx.ml, which it doesn't use")
	}
	learned := m.scorer.(*logisticRegression)
	for i, want := range [][]float64{learned.Mean, learned.Scale} {
		if got := f.constants[f.nodes[i].inputs[1]]; !slices.Equal(got.doubles, want) || !slices.Equal(got.shape, []int{4}) {
			t.Errorf("%s by %v %v, want %v", f.nodes[i].operator, got.shape, got.doubles, want)
		}
	}
	for i, want := range []float64{-1e100, 1e100} {
		if got := f.constants[f.nodes[2].inputs[i+1]]; !slices.Equal(got.doubles, []float64{want}) || len(got.shape) != 0 {
			t.Errorf("Clip by %v %v, want the scalar %v", got.shape, got.doubles, want)
		}
	}
	if got := f.constants[f.nodes[3].inputs[1]]; !slices.Equal(got.doubles, learned.Weights) || !slices.Equal(got.shape, []int{4, 3}) {
		t.Errorf("weights %v %v, want those of the model, feature by feature", got.shape, got.doubles)
	}
	if got := f.constants[f.nodes[3].inputs[2]]; !slices.Equal(got.doubles, learned.Bias) {
		t.Errorf("bias %v, want that of the model", got.doubles)
	}
	if got := f.constants[f.nodes[6].inputs[0]]; !slices.Equal(got.strings, []string{"0", "1", "2"}) {
		t.Errorf("labels %q, want the classes", got.strings)
	}
	if got := f.nodes[5].attributes; got["axis"].i != 1 || got["keepdims"].i != 0 {
		t.Errorf("ArgMax with %v, want axis 1 without keepdims", got)
	}
	if got := f.nodes[7]; got.attributes["num_outputs"].i != 3 || !slices.Equal(got.outputs, []string{"p_0", "p_1", "p_2"}) {
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
				Splits: []treeSplit{{1, 2.5, -2, 1}, {0, math.Pi, -1, -3}},
				Leaves: [][]int{{1, 0}, {0, 2}, {3, 3}},
			},
			onnxTrees{
				tree: []int{0, 0, 0, 0, 0}, node: []int{0, 1, 2, 3, 4}, feature: []int{1, 0, 0, 0, 0},
				modes: []string{"BRANCH_LT", "BRANCH_LT", "LEAF", "LEAF", "LEAF"}, thresholds: []float64{2.5, math.Pi, 0, 0, 0},
				yes: []int{3, 2, 0, 0, 0}, no: []int{1, 4, 0, 0, 0},
				leafTree: []int{0, 0, 0}, leafNode: []int{2, 3, 4}, leaves: []float64{0, 1, 2},
			},
		},
		"no split": {
			&decisionTree{Leaves: [][]int{{1, 2}}},
			onnxTrees{
				tree: []int{0}, node: []int{0}, feature: []int{0}, modes: []string{"LEAF"}, thresholds: []float64{0}, yes: []int{0}, no: []int{0},
				leafTree: []int{0}, leafNode: []int{0}, leaves: []float64{0},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.tree.prepare(2, 2); err != nil {
				t.Fatal(err)
			}
			m := &Model{schema: dataset.Schema{Features: []string{"x", "y"}, Classes: []string{"a", "b"}}, scorer: test.tree}
			f := encodeONNX(t, m)
			f.checkFlow(t)
			if want := []string{"TreeEnsembleRegressor", "Cast", "Squeeze", "Gather", "ArgMax", "Gather", "Split"}; !slices.Equal(f.operators(), want) {
				t.Errorf("operators %v, want %v", f.operators(), want)
			}
			if f.opsets["ai.onnx.ml"] != 3 || f.nodes[0].domain != "ai.onnx.ml" {
				t.Errorf("opsets %v, domain %q; want version 3 of ai.onnx.ml", f.opsets, f.nodes[0].domain)
			}
			a, w := f.nodes[0].attributes, test.want
			for name, want := range map[string][]int{
				"nodes_treeids": w.tree, "nodes_nodeids": w.node, "nodes_featureids": w.feature, "nodes_truenodeids": w.yes,
				"nodes_falsenodeids": w.no, "target_treeids": w.leafTree, "target_nodeids": w.leafNode, "target_ids": w.leafTree,
			} {
				if !slices.Equal(a[name].ints, want) {
					t.Errorf("%s %v, want %v", name, a[name].ints, want)
				}
			}
			if !slices.Equal(a["nodes_modes"].strings, w.modes) || a["n_targets"].i != 1 || a["aggregate_function"].s != "SUM" || a["post_transform"].s != "NONE" {
				t.Errorf("modes %v with %v", a["nodes_modes"].strings, a)
			}
			if got := a["nodes_values_as_tensor"].tensor.doubles; !slices.Equal(got, w.thresholds) {
				t.Errorf("thresholds %v, want %v", got, w.thresholds)
			}
			if got := a["target_weights_as_tensor"].tensor.doubles; !slices.Equal(got, w.leaves) {
				t.Errorf("leaf numbers %v, want %v", got, w.leaves)
			}
			if got := f.constants[f.nodes[2].inputs[1]]; !slices.Equal(got.ints, []int{1}) {
				t.Errorf("Squeeze along %v, want axis 1", got.ints)
			}
			if got := f.constants[f.nodes[3].inputs[0]]; !slices.Equal(got.doubles, test.tree.probabilities) || !slices.Equal(got.shape, []int{len(test.tree.Leaves), 2}) {
				t.Errorf("leaves say %v %v, want the probabilities of the tree", got.shape, got.doubles)
			}
		})
	}
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

// wordless is a scorer that ONNX can't express.
type wordless struct{ scorer }

func (wordless) onnx(g *graph) string {
	trees := &onnxTrees{trees: 1}
	trees.leaf(0, 0, maxONNXLeaf+1)
	g.leaves(trees)
	g.fail("a second reason")
	return "none"
}

func TestONNX_impossible(t *testing.T) {
	m := &Model{schema: dataset.Schema{Features: []string{"x"}, Classes: []string{"a", "b"}}, scorer: wordless{}}
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
