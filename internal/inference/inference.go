// Package inference is the tensor part of the Open Inference Protocol V2: it reads a request as rows of features and
// writes a model's answer as tensors, in JSON or as binary data after the JSON. It knows nothing about HTTP, gRPC or
// models. Cells of package dataset say what the elements mean.
//
// The specification is kserve/open-inference-protocol. Binary tensors and classification are extensions of Triton that
// Triton's clients rely on.
package inference

import (
	"fmt"
	"slices"
	"strconv"
)

// Names of the tensors. Instead of InputName, a request may have one input per feature, with the feature's name.
const (
	InputName         = "input"         // FP64 [-1, features]
	LabelName         = "label"         // BYTES [-1]
	ProbabilitiesName = "probabilities" // FP64 [-1, classes]
)

// Request is an inference request over HTTP or gRPC.
type Request struct {
	ID      string
	Inputs  []Input
	Outputs []Output // the requested outputs in order; empty for all outputs
	Binary  bool     // answer with binary data if Outputs is empty

	Threshold *float64 // of the label, nil for that of the model
}

// Input is a tensor of a request. Its elements are in Raw, in Values, or, if they are BYTES, in Texts.
type Input struct {
	Name     string
	Datatype Datatype
	Shape    []int64
	Raw      []byte    // row-major, little-endian; four bytes before each element of BYTES give its length
	Values   []float64 // row-major; NaN is a missing value
	Texts    [][]byte  // row-major; nil is a missing value

	whole bool // Raw is the whole body of the request; its length gives the shape
}

// Output is a requested tensor.
type Output struct {
	Name           string
	Binary         bool
	Classification int64 // if above 0, the number of most probable classes to return as text
}

// Error says what is wrong with a request, and where. It is meant for the client.
type Error struct {
	Pointer string // RFC 6901 pointer, "" for the whole request
	Reason  string
}

// Error joins the place and the reason.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Reason
	}
	return e.Pointer + ": " + e.Reason
}

// NoSharedMemory is the reason for refusing a tensor in shared memory.
const NoSharedMemory = "shared memory is not supported: send the data with the request"

// Wrong is the error of a place.
func Wrong(pointer, format string, args ...any) *Error { return wrong(pointer, -1, format, args...) }

// wrong is the error of a place. The pointer ends in index unless index is negative.
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

// checkOutputs checks that the requested outputs exist.
func (r *Request) checkOutputs() error {
	for i, out := range r.Outputs {
		switch {
		case out.Name != LabelName && out.Name != ProbabilitiesName:
			return wrong("/outputs", i, "output %s does not exist: want %s or %s", shown(out.Name), LabelName, ProbabilitiesName)
		case slices.ContainsFunc(r.Outputs[:i], func(o Output) bool { return o.Name == out.Name }):
			return wrong("/outputs", i, "output %s is requested twice", out.Name)
		case out.Classification < 0:
			return wrong("/outputs", i, "classification %d, want a number of classes", out.Classification)
		case out.Classification > 0 && out.Name != ProbabilitiesName:
			return wrong("/outputs", i, "a classification is made from %s, not from %s", ProbabilitiesName, out.Name)
		}
	}
	return nil
}

// shown quotes text from a client, at most 80 bytes of it.
func shown(s string) string {
	const limit = 80
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}
