package model

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Names of what goes into and comes out of the ONNX form.
const (
	onnxInput = "input"
	onnxLabel = "label"
)

// ONNX returns the model as an ONNX file, for every program but this one: MLflow's pyfunc, onnxruntime, and inference
// servers on top of it. Its one input is the rows, float64 [N, features] in the order of Schema().Features. Its outputs
// are named by ONNXOutputs and hold one value per row each, because that is what MLflow can make columns of. It
// computes
// in float64 throughout and agrees with Predict to about 1e-15. Equal models give equal bytes.
func (m *Model) ONNX() ([]byte, error) {
	for _, class := range m.schema.Classes {
		if !utf8.ValidString(class) {
			return nil, fmt.Errorf("encode model as ONNX: class %q is not UTF-8", class)
		}
	}
	g := newGraph(len(m.schema.Features), len(m.schema.Classes))
	probabilities := m.scorer.onnx(g)
	best := g.node(
		"ArgMax",
		inputs(probabilities),
		intAttribute("axis", 1),
		intAttribute("keepdims", 0),
	) // the lowest of equals
	outputs := m.ONNXOutputs()
	columns := outputs[1:]
	g.add("", "Gather", inputs(g.strings("classes", m.schema.Classes), best), inputs(onnxLabel))
	g.add("", "Split", inputs(probabilities), columns, intAttribute("axis", 1), intAttribute("num_outputs", len(columns)))
	g.output(onnxLabel, onnxString, "N")
	for _, name := range columns {
		g.output(name, onnxDouble, "N", 1)
	}
	if g.err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w", g.err)
	}
	features, err := json.Marshal(m.schema.Features)
	if err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w", err)
	}
	return g.encode(string(m.spec.Algorithm), [][2]string{
		{"algorithm", string(m.spec.Algorithm)},
		{"features", string(features)}, // the graph itself has them as numbered columns
	}), nil
}

// ONNXOutputs names the outputs of the ONNX form in their order: label, the most probable class, then the probability
// of each class as p_<class>.
func (m *Model) ONNXOutputs() []string {
	names := make([]string, 1, 1+len(m.schema.Classes))
	names[0] = onnxLabel
	for _, class := range m.schema.Classes {
		names = append(names, "p_"+class)
	}
	return names
}
