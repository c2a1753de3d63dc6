// Package inference is the Open Inference Protocol V2 as far as it is about tensors: it reads a request, JSON with or
// without binary data behind it, as rows of features, and writes what a model says of them as tensors. It knows no
// HTTP, no gRPC
// and no model. The specification is kserve/open-inference-protocol's; the binary tensors and the classification are
// extensions of Triton's that its clients rely on.
package inference

import (
	"fmt"
	"slices"
	"strconv"
)

// Names of the tensors. A feature may also be an input of its own, by its name.
const (
	InputName         = "input"         // FP64 [-1, features]
	LabelName         = "label"         // BYTES [-1]
	ProbabilitiesName = "probabilities" // FP64 [-1, classes]
)

// Request is an inference request, whichever way it came.
type Request struct {
	ID      string
	Inputs  []Input
	Outputs []Output // those that are asked for, in this order; all of them when there are none
	Binary  bool     // for outputs that are not asked for by name: binary data instead of JSON
}

// Input is a tensor of a request. It has its elements as Raw or as Values.
type Input struct {
	Name     string
	Datatype Datatype
	Shape    []int64
	Raw      []byte    // row-major, little-endian
	Values   []float64 // row-major

	whole bool // Raw is the body of the request, and the shape is what it holds
}

// Output is what a request wants of a tensor.
type Output struct {
	Name           string
	Binary         bool
	Classification int64 // above 0: the most probable classes, so many of them, as text
}

// Error says what is wrong with a request, and where. It is meant for whoever sent it.
type Error struct {
	Pointer string // RFC 6901 pointer, "" for the request as a whole
	Reason  string
}

// Error joins the place and the reason.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Reason
	}
	return e.Pointer + ": " + e.Reason
}

// NoSharedMemory is why a tensor that is said to lie in shared memory is refused.
const NoSharedMemory = "there is no shared memory: send the data with the request"

// Wrong is the error of a place.
func Wrong(pointer, format string, args ...any) *Error { return wrong(pointer, -1, format, args...) }

// wrong is the error of a place; the place ends in a number when index is not negative.
func wrong(pointer string, index int, format string, args ...any) *Error {
	if index >= 0 {
		pointer += "/" + strconv.Itoa(index)
	}
	return &Error{Pointer: pointer, Reason: fmt.Sprintf(format, args...)}
}

// inputError is the error of an input, or of a field of it.
func inputError(index int, field, format string, args ...any) *Error {
	e := wrong("/inputs", index, format, args...)
	if field != "" {
		e.Pointer += "/" + field
	}
	return e
}

// checkOutputs makes sure that there is what is asked for.
func (r *Request) checkOutputs() error {
	for i, out := range r.Outputs {
		switch {
		case out.Name != LabelName && out.Name != ProbabilitiesName:
			return wrong("/outputs", i, "there is no output %s: want %s or %s", shown(out.Name), LabelName, ProbabilitiesName)
		case slices.ContainsFunc(r.Outputs[:i], func(o Output) bool { return o.Name == out.Name }):
			return wrong("/outputs", i, "output %s is asked for twice", out.Name)
		case out.Classification < 0:
			return wrong("/outputs", i, "classification %d, want a number of classes", out.Classification)
		case out.Classification > 0 && out.Name != ProbabilitiesName:
			return wrong("/outputs", i, "a classification is made of %s, not of %s", ProbabilitiesName, out.Name)
		}
	}
	return nil
}

// shown quotes what a client sent, at most 80 bytes of it.
func shown(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
