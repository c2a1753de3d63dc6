package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The protobuf messages of ONNX are written by hand: there is no Go package of them to import, and the few that a
// classifier takes have a dozen fields. The numbers are those of onnx/onnx-ml.proto.

// Versions of what the graphs are made of: old enough for the hosts that are in use, new enough for operators on
// float64.
const (
	onnxIR       = 8
	onnxOpset    = 18
	onnxMLOpset  = 3
	onnxMLDomain = "ai.onnx.ml"
)

// onnxType is an element type (TensorProto.DataType).
type onnxType int

const (
	onnxInt64  onnxType = 7
	onnxString onnxType = 8
	onnxDouble onnxType = 11
)

// graph builds the ONNX form of a model. A scorer adds its nodes to it, in the order in which they are computed, and
// every value is known by its name. Names that the builder makes end in a number, so that they meet neither each other
// nor those of ONNX's outputs.
type graph struct {
	features, classes int

	nodes        []byte // as fields of a GraphProto, like the next three
	initializers []byte
	inputs       []byte
	outputs      []byte
	names        int
	ml           bool  // whether an operator of onnxMLDomain is used
	err          error // the first thing that ONNX can't express
}

func newGraph(features, classes int) *graph {
	return &graph{
		features: features, classes: classes,
		inputs: field(nil, 11, valueInfo(onnxInput, onnxDouble, "N", features)),
	}
}

// fail notes that the model has no ONNX form. The graph is then of no use, but safe to go on with.
func (g *graph) fail(format string, arguments ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, arguments...)
	}
}

// name makes a new name.
func (g *graph) name(of string) string {
	g.names++
	return fmt.Sprintf("%s_%d", strings.ToLower(of), g.names)
}

// inputs lists names for node.
func inputs(names ...string) []string { return names }

// node adds a node of ONNX's standard operators and returns the name of its output.
func (g *graph) node(op string, from []string, attributes ...attribute) string {
	to := g.name(op)
	g.add("", op, from, inputs(to), attributes...)
	return to
}

// mlNode is node for the operators of onnxMLDomain.
func (g *graph) mlNode(op string, from []string, attributes ...attribute) string {
	g.ml = true
	to := g.name(op)
	g.add(onnxMLDomain, op, from, inputs(to), attributes...)
	return to
}

// add adds a NodeProto with outputs that have names already.
func (g *graph) add(domain, op string, from, to []string, attributes ...attribute) {
	var b []byte
	for _, name := range from {
		b = text(b, 1, name)
	}
	for _, name := range to {
		b = text(b, 2, name)
	}
	b = text(b, 3, "make_"+to[0])
	b = text(b, 4, op)
	for _, a := range attributes {
		b = field(b, 5, a)
	}
	if domain != "" {
		b = text(b, 7, domain)
	}
	g.nodes = field(g.nodes, 1, b)
}

// output declares an output of the graph. Each dimension is a number or, as a string, the name of one that varies.
func (g *graph) output(name string, t onnxType, shape ...any) {
	g.outputs = field(g.outputs, 12, valueInfo(name, t, shape...))
}

// doubles adds constants and returns their name. Without dimensions it is one scalar.
func (g *graph) doubles(name string, values []float64, shape ...int) string {
	return g.constant(name, doubleTensor(values, shape...))
}

// ints adds a list of constants and returns its name.
func (g *graph) ints(name string, values ...int) string {
	return g.constant(name, intTensor(values, len(values)))
}

// integer adds one scalar and returns its name.
func (g *graph) integer(name string, v int) string { return g.constant(name, intTensor([]int{v})) }

// strings adds a list of constants and returns its name.
func (g *graph) strings(name string, values []string) string {
	b := tensor(onnxString, len(values))
	for _, v := range values {
		b = text(b, 6, v)
	}
	return g.constant(name, b)
}

// constant adds a tensor to the initializers under a new name.
func (g *graph) constant(name string, tensor []byte) string {
	name = g.name(name)
	g.initializers = field(g.initializers, 5, text(tensor, 8, name))
	return name
}

// standardised adds (input-mean)/scale, within ±limit, in the order of operations of the scorers: folded into weights,
// the mean of a feature far from zero would cost digits.
func (g *graph) standardised(mean, scale []float64, limit float64) string {
	z := g.node("Sub", inputs(onnxInput, g.doubles("mean", mean, g.features)))
	z = g.node("Div", inputs(z, g.doubles("scale", scale, g.features)))
	return g.node("Clip", inputs(z, g.doubles("lowest", []float64{-limit}), g.doubles("highest", []float64{limit})))
}

// encode returns the ModelProto.
func (g *graph) encode(name string, metadata [][2]string) []byte {
	inner := append([]byte(nil), g.nodes...)
	inner = text(inner, 2, name)
	inner = append(inner, g.initializers...)
	inner = append(inner, g.inputs...)
	inner = append(inner, g.outputs...)

	b := number64(nil, 1, onnxIR)
	b = text(b, 2, "iris")
	b = field(b, 7, inner)
	b = field(b, 8, number64(text(nil, 1, ""), 2, onnxOpset))
	if g.ml {
		b = field(b, 8, number64(text(nil, 1, onnxMLDomain), 2, onnxMLOpset))
	}
	for _, pair := range metadata {
		b = field(b, 14, text(text(nil, 1, pair[0]), 2, pair[1]))
	}
	return b
}

// attribute is an encoded AttributeProto.
type attribute []byte

func newAttribute(name string, kind int) attribute { return number64(text(nil, 1, name), 20, kind) }

func intAttribute(name string, v int) attribute { return number64(newAttribute(name, 2), 3, v) }

func stringAttribute(name, v string) attribute { return text(newAttribute(name, 3), 4, v) }

func doublesAttribute(name string, values []float64) attribute {
	return field(newAttribute(name, 4), 5, doubleTensor(values, len(values)))
}

func intsAttribute(name string, values []int) attribute {
	a := newAttribute(name, 7)
	for _, v := range values {
		a = number64(a, 8, v)
	}
	return a
}

func stringsAttribute(name string, values []string) attribute {
	a := newAttribute(name, 8)
	for _, v := range values {
		a = text(a, 9, v)
	}
	return a
}

// tensor begins a TensorProto.
func tensor(t onnxType, shape ...int) []byte {
	var b []byte
	for _, n := range shape {
		b = number64(b, 1, n)
	}
	return number64(b, 2, int(t))
}

func doubleTensor(values []float64, shape ...int) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return field(tensor(onnxDouble, shape...), 9, raw)
}

func intTensor(values []int, shape ...int) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return field(tensor(onnxInt64, shape...), 9, raw)
}

// valueInfo encodes a ValueInfoProto of a tensor.
func valueInfo(name string, t onnxType, shape ...any) []byte {
	var dimensions []byte
	for _, n := range shape {
		switch n := n.(type) {
		case int:
			dimensions = field(dimensions, 1, number64(nil, 1, n))
		case string:
			dimensions = field(dimensions, 1, text(nil, 2, n))
		}
	}
	tensorType := field(number64(nil, 1, int(t)), 2, dimensions)
	return field(text(nil, 1, name), 2, field(nil, 1, tensorType))
}

// field appends a field of bytes: a message, or raw data.
func field(b []byte, number protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

func text(b []byte, number protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
}

func number64(b []byte, number protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
}
