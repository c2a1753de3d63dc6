package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/literal"
	"iris/model/internal/onnx"
	"iris/model/internal/tree"
)

// ErrNoONNX is the error for a model that ONNX cannot express.
var ErrNoONNX = errors.New("the model has no form in ONNX")

// onnxLabel is the name of the output for the class of a row.
const onnxLabel = "label"

// ONNX returns the model as an ONNX file for other programs: MLflow's pyfunc, onnxruntime, and inference servers that
// build on it. For a plain schema, the only input is the rows, float64 [N, features] in the order of Schema().Features.
// For any other, each feature is an input [N, 1] with its name: a string for a category, where an empty one is missing,
// and a float64 otherwise, where NaN is missing, a truth value is 1 or 0, and a date is the days since 1970-01-01 in
// UTC with the time of day as a fraction. ONNXOutputs names the outputs. Each holds one value per row, because that is
// what MLflow can turn into columns. The graph computes in float64 throughout and agrees with Predict to about 1e-15.
// Equal models give equal bytes.
//
// A model of a text has no such file, because no operator of ONNX hashes words: the error is ErrNoONNX.
//
// The format is that of https://onnx.ai, IR version 8, with the operators of opset 18 and of ai.onnx.ml 3.
func (m *Model) ONNX() ([]byte, error) {
	for i, name := range m.schema.Features {
		if m.schema.Column(i).Kind == dataset.Text {
			return nil, fmt.Errorf("encode model as ONNX: %w: it would have to hash the words of %s",
				ErrNoONNX, dataset.Shown(name))
		}
	}
	for _, class := range m.schema.Classes {
		if !utf8.ValidString(class) {
			return nil, fmt.Errorf("encode model as ONNX: %w: class %q is not UTF-8", ErrDefect, class)
		}
	}
	g := m.onnxGraph()
	probabilities := m.onnxProbabilities(g)
	best := m.decision.onnx(g, probabilities)
	outputs := m.ONNXOutputs()
	label, columns := outputs[0], outputs[1:]
	g.NodeTo([]string{label}, "Gather", []string{g.Strings("classes", m.schema.Classes), best})
	g.NodeTo(columns, "Split", []string{probabilities}, onnx.Int("axis", 1), onnx.Int("num_outputs", len(columns)))
	g.Output(label, onnx.String, "N")
	for _, name := range columns {
		g.Output(name, onnx.Double, "N", 1)
	}
	features, err := json.Marshal(m.schema.Features)
	if err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w: %w", ErrDefect, err)
	}
	metadata := [][2]string{
		{"algorithm", string(m.spec.Algorithm)},
		{"features", string(features)}, // a plain graph has them as numbered columns only
	}
	if names := m.dayFirst(); len(names) > 0 {
		encoded, err := json.Marshal(names)
		if err != nil {
			return nil, fmt.Errorf("encode model as ONNX: %w: %w", ErrDefect, err)
		}
		metadata = append(metadata, [2]string{"day_first", string(encoded)}) // for hosts that read dates from text
	}
	file, err := g.Encode(string(m.spec.Algorithm), metadata)
	if err != nil {
		return nil, fmt.Errorf("encode model as ONNX: %w: %w", ErrDefect, err)
	}
	return file, nil
}

// dayFirst returns the features that are dates with the day before the month.
func (m *Model) dayFirst() []string {
	var names []string
	for i, name := range m.schema.Features {
		if m.schema.Column(i).DateOrder == literal.DayFirst {
			names = append(names, name)
		}
	}
	return names
}

// onnxGraph returns a graph for models with the schema.
func (m *Model) onnxGraph() *onnx.Graph {
	if m.schema.Plain() {
		return onnx.NewGraph(len(m.schema.Features), len(m.schema.Classes))
	}
	return onnx.NewMixedGraph(len(m.schema.Classes), slices.Concat(m.schema.Features, m.ONNXOutputs())...)
}

// onnxProbabilities adds m to g and returns the name of the probabilities. If m has a design, the inputs of the scorer
// become the rows of g.
func (m *Model) onnxProbabilities(g *onnx.Graph) string {
	if m.design != nil {
		m.design.ONNX(g, &m.schema)
	}
	return m.scorer.onnx(g)
}

// ONNXOutputs returns the names of the outputs of the ONNX file in order: label, the class, then the probability of
// each class as p_<class>. Where a feature has such a name and is an input, underscores follow the name.
func (m *Model) ONNXOutputs() []string {
	names := make([]string, 1, 1+len(m.schema.Classes))
	names[0] = onnxLabel
	for _, class := range m.schema.Classes {
		names = append(names, "p_"+class)
	}
	if m.schema.Plain() {
		return names
	}
	taken := make(map[string]bool, len(m.schema.Features)+len(names))
	for _, name := range slices.Concat(m.schema.Features, names) {
		taken[name] = true
	}
	for i, name := range names {
		if !slices.Contains(m.schema.Features, name) {
			continue
		}
		for taken[name] {
			name += "_"
		}
		names[i], taken[name] = name, true
	}
	return names
}

// onnx adds the index of the class that label returns, int64 [N], and returns its name.
func (d decider) onnx(g *onnx.Graph, probabilities string) string {
	if d.Decision == nil { // ArgMax returns the lowest of equals, as label does
		return g.Node("ArgMax", []string{probabilities}, onnx.Int("axis", 1), onnx.Int("keepdims", 0))
	}
	p := g.Node("Gather", []string{probabilities, g.Int("positive", d.positive)}, onnx.Int("axis", 1))
	yes := g.Node("GreaterOrEqual", []string{p, g.Doubles("threshold", []float64{d.Threshold})})
	return g.Node("Where", []string{yes, g.Int("positive", d.positive), g.Int("other", 1-d.positive)})
}

// addSplit adds a split to a tree of a graph. codes is as in dataset.Table. A subset may need several nodes. All but
// the first get the numbers from next on, and addSplit returns how many these are.
func addSplit(trees *onnx.Trees, in, node int, s tree.Split, codes []int, left, right, next int) int {
	if s.Right == 0 {
		trees.Split(in, node, s.Feature, s.Threshold, left, right)
		return 0
	}
	subset, yes, no := s.Right, right, left
	if rest := s.Right.Complement(codes[s.Feature]); rest.Len() < subset.Len() {
		subset, yes, no = rest, left, right
	}
	return trees.Subset(in, node, s.Feature, slices.Collect(subset.All()), yes, no, next)
}

// addTrees adds the trees of e after those that are in trees. codes is as in dataset.Table.
func addTrees(trees *onnx.Trees, e *tree.Ensemble, codes []int) {
	first := trees.Len()
	at, next := -1, 0 // the tree, and the number of its next node beyond those of e
	e.Visit(func(tree, node int, s tree.Split, left, right int) {
		if tree != at {
			at, next = tree, e.Size(tree)
		}
		next += addSplit(trees, first+tree, node, s, codes, left, right, next)
	}, func(tree, node, number int) {
		trees.Leaf(first+tree, node, number)
	})
}
