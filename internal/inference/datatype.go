package inference

import (
	"encoding/binary"
	"math"

	"iris/internal/dataset"
)

// Datatype is the type of the elements of a tensor.
type Datatype string

// The datatypes of outputs, and of the inputs of features. An input may also have any other numeric datatype.
const (
	FP64  Datatype = "FP64"
	Bool  Datatype = "BOOL"
	Bytes Datatype = "BYTES"
)

// DatatypeOf returns the datatype in which a client sends the values of a column. Only a text or NaN can be missing, so
// a boolean column with missing values is FP64.
func DatatypeOf(c dataset.Column) Datatype {
	switch {
	case c.Kind == dataset.Categorical, c.Kind == dataset.Datetime, c.Kind == dataset.Text:
		return Bytes
	case c.Kind == dataset.Boolean && !c.Missing:
		return Bool
	}
	return FP64
}

// numeric describes a datatype of numbers.
type numeric struct {
	size     int                  // bytes of an element
	integer  bool                 // values are integers from min to max
	min, max float64              // inclusive; as float64, the maxima of 64 bits round up to 2^63 and 2^64
	read     func([]byte) float64 // reads a little-endian element
}

var numerics = map[Datatype]numeric{
	"UINT8":  {1, true, 0, math.MaxUint8, func(b []byte) float64 { return float64(b[0]) }},
	"UINT16": {2, true, 0, math.MaxUint16, func(b []byte) float64 { return float64(binary.LittleEndian.Uint16(b)) }},
	"UINT32": {4, true, 0, math.MaxUint32, func(b []byte) float64 { return float64(binary.LittleEndian.Uint32(b)) }},
	"UINT64": {8, true, 0, math.MaxUint64, func(b []byte) float64 { return float64(binary.LittleEndian.Uint64(b)) }},
	"INT8":   {1, true, math.MinInt8, math.MaxInt8, func(b []byte) float64 { return float64(int8(b[0])) }},
	"INT16":  {2, true, math.MinInt16, math.MaxInt16, int16Value},
	"INT32":  {4, true, math.MinInt32, math.MaxInt32, int32Value},
	"INT64":  {8, true, math.MinInt64, math.MaxInt64, int64Value},
	"FP16":   {size: 2, read: func(b []byte) float64 { return half(binary.LittleEndian.Uint16(b)) }},
	"BF16":   {size: 2, read: func(b []byte) float64 { return single(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"FP32":   {size: 4, read: func(b []byte) float64 { return single(binary.LittleEndian.Uint32(b)) }},
	FP64:     {size: 8, read: func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }},
}

// boolean describes the elements of BOOL.
var boolean = numeric{1, true, 0, 1, func(b []byte) float64 { return float64(min(b[0], 1)) }}

func int16Value(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }
func int32Value(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) }
func int64Value(b []byte) float64 { return float64(int64(binary.LittleEndian.Uint64(b))) }

// holds reports whether v is a value of the datatype. A floating-point datatype rounds v to its nearest value.
func (n numeric) holds(v float64) bool {
	return !n.integer || (v == math.Trunc(v) && v >= n.min && v <= n.max)
}

func single(bits uint32) float64 { return float64(math.Float32frombits(bits)) }

// half converts an IEEE 754 binary16: a sign bit, 5 bits of exponent and 10 bits of fraction.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	var v float64
	switch {
	case exponent == 0:
		v = math.Ldexp(fraction, -24)
	case exponent < 0x1f:
		v = math.Ldexp(fraction+0x400, exponent-25)
	case fraction == 0:
		v = math.Inf(1)
	default:
		v = math.NaN()
	}
	if bits>>15 == 1 {
		return -v
	}
	return v
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
