package model

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// onnxFile is the part of an ONNX file that Model.ONNX writes, read by the field numbers of onnx-ml.proto.
type onnxFile struct {
	ir              int
	producer, name  string
	opsets          map[string]int
	metadata        map[string]string
	nodes           []onnxNode
	constants       map[string]onnxTensor
	inputs, outputs []onnxValue
}

type onnxNode struct {
	inputs, outputs        []string
	name, operator, domain string
	attributes             map[string]onnxAttribute
}

type onnxAttribute struct {
	kind, i int
	s       string
	tensor  onnxTensor
	ints    []int
	strings []string
}

type onnxTensor struct {
	kind    int
	shape   []int
	doubles []float64
	ints    []int
	strings []string
}

type onnxValue struct {
	name  string
	kind  int
	shape []any // int or string
}

func equalValues(a, b []onnxValue) bool { return reflect.DeepEqual(a, b) }

// wire calls each for every field of a message, with the value as n if it is a number and as b if it is bytes.
func wire(t testing.TB, b []byte, each func(field protowire.Number, n int, b []byte)) {
	t.Helper()
	for len(b) > 0 {
		field, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		var v uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			inner, size = protowire.ConsumeBytes(b)
		default:
			t.Fatalf("field %d has wire type %d", field, kind)
		}
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		each(field, int(v), inner)
	}
}

func readONNX(t testing.TB, b []byte) onnxFile {
	t.Helper()
	f := onnxFile{opsets: map[string]int{}, metadata: map[string]string{}, constants: map[string]onnxTensor{}}
	wire(t, b, func(field protowire.Number, n int, b []byte) {
		switch field {
		case 1:
			f.ir = n
		case 2:
			f.producer = string(b)
		case 7:
			f.readGraph(t, b)
		case 8:
			domain, version := "", 0
			wire(t, b, func(field protowire.Number, n int, b []byte) {
				if field == 1 {
					domain = string(b)
				} else {
					version = n
				}
			})
			f.opsets[domain] = version
		case 14:
			var pair [3]string
			wire(t, b, func(field protowire.Number, _ int, b []byte) { pair[field] = string(b) })
			f.metadata[pair[1]] = pair[2]
		default:
			t.Errorf("the model has field %d", field)
		}
	})
	return f
}

func (f *onnxFile) readGraph(t testing.TB, b []byte) {
	wire(t, b, func(field protowire.Number, _ int, b []byte) {
		switch field {
		case 1:
			f.nodes = append(f.nodes, readNode(t, b))
		case 2:
			f.name = string(b)
		case 5:
			name, tensor := readTensor(t, b)
			if _, taken := f.constants[name]; taken {
				t.Errorf("two constants are %s", name)
			}
			f.constants[name] = tensor
		case 11:
			f.inputs = append(f.inputs, readValue(t, b))
		case 12:
			f.outputs = append(f.outputs, readValue(t, b))
		default:
			t.Errorf("the graph has field %d", field)
		}
	})
}

func readNode(t testing.TB, b []byte) onnxNode {
	n := onnxNode{attributes: map[string]onnxAttribute{}}
	wire(t, b, func(field protowire.Number, _ int, b []byte) {
		switch field {
		case 1:
			n.inputs = append(n.inputs, string(b))
		case 2:
			n.outputs = append(n.outputs, string(b))
		case 3:
			n.name = string(b)
		case 4:
			n.operator = string(b)
		case 5:
			name, a := readAttribute(t, b)
			n.attributes[name] = a
		case 7:
			n.domain = string(b)
		default:
			t.Errorf("a node has field %d", field)
		}
	})
	return n
}

// readAttribute reads an attribute and checks that its type matches the field that has the value.
func readAttribute(t testing.TB, b []byte) (name string, a onnxAttribute) {
	var filled int
	wire(t, b, func(field protowire.Number, n int, b []byte) {
		switch field {
		case 1:
			name = string(b)
		case 3:
			a.i, filled = n, 2
		case 4:
			a.s, filled = string(b), 3
		case 5:
			_, a.tensor = readTensor(t, b)
			filled = 4
		case 8:
			a.ints, filled = append(a.ints, n), 7
		case 9:
			a.strings, filled = append(a.strings, string(b)), 8
		case 20:
			a.kind = n
		default:
			t.Errorf("an attribute has field %d", field)
		}
	})
	if filled != 0 && filled != a.kind {
		t.Errorf("attribute %s has type %d and a value of type %d", name, a.kind, filled)
	}
	return name, a
}

// readTensor reads a tensor and checks that the number of its values matches its shape.
func readTensor(t testing.TB, b []byte) (name string, out onnxTensor) {
	var raw []byte
	size := 1
	wire(t, b, func(field protowire.Number, n int, b []byte) {
		switch field {
		case 1:
			out.shape = append(out.shape, n)
			size *= n
		case 2:
			out.kind = n
		case 6:
			out.strings = append(out.strings, string(b))
		case 8:
			name = string(b)
		case 9:
			raw = b
		default:
			t.Errorf("a tensor has field %d", field)
		}
	})
	for ; len(raw) >= 8; raw = raw[8:] {
		if v := binary.LittleEndian.Uint64(raw); out.kind == 11 {
			out.doubles = append(out.doubles, math.Float64frombits(v))
		} else {
			out.ints = append(out.ints, int(v))
		}
	}
	if n := len(out.doubles) + len(out.ints) + len(out.strings); n != size {
		t.Errorf("tensor %q of shape %v has %d values", name, out.shape, n)
	}
	return name, out
}

func readValue(t testing.TB, b []byte) (v onnxValue) {
	wire(t, b, func(field protowire.Number, _ int, b []byte) {
		if field == 1 {
			v.name = string(b)
			return
		}
		wire(t, b, func(_ protowire.Number, _ int, b []byte) { // TypeProto: tensor_type
			wire(t, b, func(field protowire.Number, n int, b []byte) {
				if field == 1 {
					v.kind = n
					return
				}
				wire(t, b, func(_ protowire.Number, _ int, b []byte) { // TensorShapeProto: dim
					wire(t, b, func(field protowire.Number, n int, b []byte) {
						if field == 1 {
							v.shape = append(v.shape, n)
						} else {
							v.shape = append(v.shape, string(b))
						}
					})
				})
			})
		})
	})
	return v
}

func (f *onnxFile) operators() []string {
	var operators []string
	for _, n := range f.nodes {
		operators = append(operators, n.operator)
	}
	return operators
}

// checkFlow checks that every value is made exactly once and before its use, that every constant is used, and that the
// outputs are made.
func (f *onnxFile) checkFlow(t testing.TB) {
	t.Helper()
	known, used := map[string]bool{}, map[string]bool{}
	define := func(name string) {
		if known[name] {
			t.Errorf("%s is made twice", name)
		}
		known[name] = true
	}
	for _, v := range f.inputs {
		define(v.name)
	}
	for name := range f.constants {
		define(name)
	}
	for _, n := range f.nodes {
		for _, name := range n.inputs {
			if !known[name] {
				t.Errorf("%s takes %s, which nothing has made yet", n.name, name)
			}
			used[name] = true
		}
		for _, name := range n.outputs {
			define(name)
		}
	}
	for name := range f.constants {
		if !used[name] {
			t.Errorf("constant %s is not used", name)
		}
	}
	for _, v := range f.outputs {
		if !known[v.name] {
			t.Errorf("output %s is not made", v.name)
		}
	}
}
