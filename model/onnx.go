package model

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// onnxLabel is the name of the output for the most probable class.
const onnxLabel = "label"

// ONNX returns the model as an ONNX file for other programs: MLflow's pyfunc, onnxruntime, and inference servers that
// build on it. The only input is the rows, float64 [N, features] in the order of Schema().Features. ONNXOutputs names
// the outputs. Each holds one value per row, because that is what MLflow can turn into columns. The graph computes in
// float64 throughout and agrees with Predict to about 1e-15. Equal models give equal bytes.
//
// The format is that of https://onnx.ai, IR version 8, with the operators of opset 18 and of ai.onnx.ml 3.
func (m *Model) ONNX() ([]byte, error) {
	for _, class := range m.schema.Classes {
		if !utf8.ValidString(class) {
			return nil, fmt.Errorf("encode model as ONNX: %w: class %q is not UTF-8", ErrDefect, class)
		}
	}
	g := onnx.NewGraph(len(m.schema.Features), len(m.schema.Classes))
	probabilities := m.scorer.onnx(g)
	// ArgMax returns the lowest of equals, as Predict does.
	best := g.Node("ArgMax", []string{probabilities}, onnx.Int("axis", 1), onnx.Int("keepdims", 0))
	columns := m.ONNXOutputs()[1:]
	g.NodeTo([]string{onnxLabel}, "Gather", []string{g.Strings("classes", m.schema.Classes), best})
	g.NodeTo(columns, "Split", []string{probabilities}, onnx.Int("axis", 1), onnx.Int("num_outputs", len(columns)))
	g.Output(onnxLabel, onnx.String, "N")
	for _, name := range columns {
		g.Output(name, onnx.Double, "N", 1)
	}
	features, err := json.Marshal(m.schema.Features)
	if err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w: %w", ErrDefect, err)
	}
	file, err := g.Encode(string(m.spec.Algorithm), [][2]string{
		{"algorithm", string(m.spec.Algorithm)},
		{"features", string(features)}, // the graph has them as numbered columns only
	})
	if err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w: %w", ErrDefect, err)
	}
	return file, nil
}

// ONNXOutputs returns the names of the outputs of the ONNX file in order: label, the most probable class, then the
// probability of each class as p_<class>.
func (m *Model) ONNXOutputs() []string {
	names := make([]string, 1, 1+len(m.schema.Classes))
	names[0] = onnxLabel
	for _, class := range m.schema.Classes {
		names = append(names, "p_"+class)
	}
	return names
}

// addTrees adds the trees of e after those that are in trees.
func addTrees(trees *onnx.Trees, e *tree.Ensemble) {
	first := trees.Len()
	e.Visit(func(tree, node, feature int, threshold float64, left, right int) {
		trees.Split(first+tree, node, feature, threshold, left, right)
	}, func(tree, node, number int) {
		trees.Leaf(first+tree, node, number)
	})
}
