// Package onnx writes a classifier as an ONNX file. It encodes the graph that its caller builds, and it does not know
// the learners.
//
// The protobuf messages of ONNX are encoded by hand: no Go package of them exists to import, and a classifier needs few
// messages with a dozen fields. The field numbers are those of onnx/onnx-ml.proto (https://github.com/onnx/onnx).
package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Type is an element type (TensorProto.DataType).
type Type int

// The element types of a classifier.
const (
	Int64  Type = 7
	String Type = 8
	Double Type = 11
)

// Attribute is an encoded AttributeProto of a node.
type Attribute []byte

func newAttribute(name string, kind int) Attribute {
	return appendInt(appendString(nil, 1, name), 20, kind)
}

// Int returns an attribute of one integer.
func Int(name string, v int) Attribute { return appendInt(newAttribute(name, 2), 3, v) }

// Text returns an attribute of one string.
func Text(name, v string) Attribute { return appendString(newAttribute(name, 3), 4, v) }

// Ints returns an attribute of a list of integers.
func Ints(name string, values []int) Attribute {
	a := newAttribute(name, 7)
	for _, v := range values {
		a = appendInt(a, 8, v)
	}
	return a
}

// Texts returns an attribute of a list of strings.
func Texts(name string, values []string) Attribute {
	a := newAttribute(name, 8)
	for _, v := range values {
		a = appendString(a, 9, v)
	}
	return a
}

// Doubles returns an attribute of a list of float64, as a tensor.
func Doubles(name string, values []float64) Attribute {
	return appendBytes(newAttribute(name, 4), 5, doubleTensor(values, len(values)))
}

// tensor returns the beginning of a TensorProto.
func tensor(t Type, shape ...int) []byte {
	var b []byte
	for _, n := range shape {
		b = appendInt(b, 1, n)
	}
	return appendInt(b, 2, int(t))
}

func doubleTensor(values []float64, shape ...int) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return appendBytes(tensor(Double, shape...), 9, raw)
}

func intTensor(values []int, shape ...int) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return appendBytes(tensor(Int64, shape...), 9, raw)
}

func stringTensor(values []string) []byte {
	b := tensor(String, len(values))
	for _, v := range values {
		b = appendString(b, 6, v)
	}
	return b
}

// valueInfo returns the ValueInfoProto of a tensor.
func valueInfo(name string, t Type, shape ...any) []byte {
	var dimensions []byte
	for _, n := range shape {
		switch n := n.(type) {
		case int:
			dimensions = appendBytes(dimensions, 1, appendInt(nil, 1, n))
		case string:
			dimensions = appendBytes(dimensions, 1, appendString(nil, 2, n))
		}
	}
	tensorType := appendBytes(appendInt(nil, 1, int(t)), 2, dimensions)
	return appendBytes(appendString(nil, 1, name), 2, appendBytes(nil, 1, tensorType))
}

// appendBytes appends a field of bytes: a message, or raw data.
func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendString(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendInt(b []byte, field protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}
