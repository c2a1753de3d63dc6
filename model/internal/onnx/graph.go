package onnx

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Versions of the format and of the operators. They are old enough for the hosts in use and new enough for operators on
// float64.
const (
	irVersion = 8
	opset     = 18
	mlOpset   = 3
	mlDomain  = "ai.onnx.ml"
)

// Input is the name of the only input of NewGraph: the rows, float64 [N, features].
const Input = "input"

// Graph builds the graph of a classifier. Nodes are added in the order of their computation, and every value has a
// name. The names that Graph makes differ from each other and from those of inputs and outputs.
type Graph struct {
	Rows              string // name of the rows that the classifier takes, float64 [N, Features]
	Features, Classes int

	nodes        []byte // encoded fields of a GraphProto, like the next three
	initializers []byte
	inputs       []byte
	outputs      []byte
	names        int
	taken        map[string]bool // names that Name must not make
	declared     map[string]bool // inputs of a mixed graph
	ml           bool            // whether an operator of mlDomain is used
	err          error           // the first call of Fail
}

// NewGraph returns a graph with its input and without nodes.
func NewGraph(features, classes int) *Graph {
	return &Graph{
		Rows: Input, Features: features, Classes: classes,
		inputs: appendBytes(nil, 11, valueInfo(Input, Double, "N", features)),
	}
}

// NewMixedGraph returns a graph without inputs and nodes. The caller adds inputs, makes Rows of them and sets Features.
// The names are those of inputs and outputs, which no other value may have.
func NewMixedGraph(classes int, names ...string) *Graph {
	g := &Graph{Classes: classes, taken: make(map[string]bool, len(names)), declared: map[string]bool{}}
	for _, name := range names {
		if g.taken[name] || name == "" || !utf8.ValidString(name) {
			g.Fail("an input or output %q: want distinct names in UTF-8", name)
		}
		g.taken[name] = true
	}
	return g
}

// Input declares an input with one value per row, [N, 1], unless it is declared already.
func (g *Graph) Input(name string, t Type) {
	if g.declared[name] {
		return
	}
	g.declared[name] = true
	g.inputs = appendBytes(g.inputs, 11, valueInfo(name, t, "N", 1))
}

// Fail records that the classifier has no ONNX form and why. The first reason stays. The methods of the graph remain
// safe to call, and Encode returns the reason.
func (g *Graph) Fail(format string, arguments ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, arguments...)
	}
}

// Name returns a new name that begins with prefix.
func (g *Graph) Name(prefix string) string {
	for {
		g.names++
		if name := fmt.Sprintf("%s_%d", strings.ToLower(prefix), g.names); !g.taken[name] {
			return name
		}
	}
}

// Node adds a node of a standard ONNX operator and returns the name of its output.
func (g *Graph) Node(op string, inputs []string, attributes ...Attribute) string {
	output := g.Name(op)
	g.add("", op, inputs, []string{output}, attributes...)
	return output
}

// NodeTo adds a node of a standard ONNX operator whose outputs are named already.
func (g *Graph) NodeTo(outputs []string, op string, inputs []string, attributes ...Attribute) {
	g.add("", op, inputs, outputs, attributes...)
}

// mlNode adds a node of an operator of mlDomain and returns the name of its output.
func (g *Graph) mlNode(op string, inputs []string, attributes ...Attribute) string {
	g.ml = true
	output := g.Name(op)
	g.add(mlDomain, op, inputs, []string{output}, attributes...)
	return output
}

// add adds a NodeProto.
func (g *Graph) add(domain, op string, inputs, outputs []string, attributes ...Attribute) {
	var b []byte
	for _, name := range inputs {
		b = appendString(b, 1, name)
	}
	for _, name := range outputs {
		b = appendString(b, 2, name)
	}
	b = appendString(b, 3, "make_"+outputs[0])
	b = appendString(b, 4, op)
	for _, a := range attributes {
		b = appendBytes(b, 5, a)
	}
	if domain != "" {
		b = appendString(b, 7, domain)
	}
	g.nodes = appendBytes(g.nodes, 1, b)
}

// Output declares an output of the graph. A dimension is an int, or a string if it varies and only has a name.
func (g *Graph) Output(name string, t Type, shape ...any) {
	g.outputs = appendBytes(g.outputs, 12, valueInfo(name, t, shape...))
}

// Doubles adds a constant tensor and returns its name. Without a shape it is a scalar.
func (g *Graph) Doubles(name string, values []float64, shape ...int) string {
	return g.constant(name, doubleTensor(values, shape...))
}

// Ints adds a constant list and returns its name.
func (g *Graph) Ints(name string, values ...int) string {
	return g.constant(name, intTensor(values, len(values)))
}

// Int adds a constant scalar and returns its name.
func (g *Graph) Int(name string, v int) string { return g.constant(name, intTensor([]int{v})) }

// Strings adds a constant list and returns its name.
func (g *Graph) Strings(name string, values []string) string {
	return g.constant(name, stringTensor(values))
}

// constant adds a tensor to the initializers under a new name.
func (g *Graph) constant(name string, tensor []byte) string {
	name = g.Name(name)
	g.initializers = appendBytes(g.initializers, 5, appendString(tensor, 8, name))
	return name
}

// Standardised adds (Rows-mean)/scale, clipped to ±limit, and returns its name. The order of the operations matters:
// folded into later weights, the mean of a feature far from zero would cost digits.
func (g *Graph) Standardised(mean, scale []float64, limit float64) string {
	z := g.Node("Sub", []string{g.Rows, g.Doubles("mean", mean, g.Features)})
	z = g.Node("Div", []string{z, g.Doubles("scale", scale, g.Features)})
	return g.Clipped(z, limit)
}

// Clipped adds values within ±limit and returns its name.
func (g *Graph) Clipped(values string, limit float64) string {
	lowest, highest := g.Doubles("lowest", []float64{-limit}), g.Doubles("highest", []float64{limit})
	return g.Node("Clip", []string{values, lowest, highest})
}

// Summed adds up values [N, count, …] over their second dimension and returns the name of the sum. CumSum adds one
// value after the other, as the learners do. ReduceSum may add in any order, so equal scores would not always stay
// equal.
func (g *Graph) Summed(values string, count int) string {
	sums := g.Node("CumSum", []string{values, g.Int("axis", 1)})
	return g.Node("Gather", []string{sums, g.Int("last", count-1)}, Int("axis", 1))
}

// Codes adds the number of each text, int64 of the same shape, and returns its name. A text that is not among the keys
// has the number other.
func (g *Graph) Codes(texts string, keys []string, codes []int, other int) string {
	return g.mlNode("LabelEncoder", []string{texts},
		Texts("keys_strings", keys), Ints("values_int64s", codes), Int("default_int64", other))
}

// Encode returns the ONNX file, a ModelProto, or the first reason that Fail recorded. The metadata are pairs of a key
// and a value.
func (g *Graph) Encode(name string, metadata [][2]string) ([]byte, error) {
	if g.err != nil {
		return nil, g.err
	}
	inner := append([]byte(nil), g.nodes...)
	inner = appendString(inner, 2, name)
	inner = append(inner, g.initializers...)
	inner = append(inner, g.inputs...)
	inner = append(inner, g.outputs...)

	b := appendInt(nil, 1, irVersion)
	b = appendString(b, 2, "iris")
	b = appendBytes(b, 7, inner)
	b = appendBytes(b, 8, appendInt(appendString(nil, 1, ""), 2, opset))
	if g.ml {
		b = appendBytes(b, 8, appendInt(appendString(nil, 1, mlDomain), 2, mlOpset))
	}
	for _, pair := range metadata {
		b = appendBytes(b, 14, appendString(appendString(nil, 1, pair[0]), 2, pair[1]))
	}
	return b, nil
}
