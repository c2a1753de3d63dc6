package model

import (
	"fmt"

	"iris/internal/dataset"
)

// SpecError is an invalid value in a Spec. Pointer is a JSON pointer (RFC 6901) to it in the JSON form of the Spec.
type SpecError struct{ Pointer, Reason string }

// Error implements error.
func (e *SpecError) Error() string { return e.Pointer + ": " + e.Reason }

// NewSpecError returns a SpecError with a formatted reason. The pointer may be one into a request that contains a Spec.
func NewSpecError(pointer, format string, args ...any) *SpecError {
	return &SpecError{Pointer: pointer, Reason: fmt.Sprintf(format, args...)}
}

// PointerToken returns a name from a client as one token of a JSON pointer: escaped as RFC 6901 requires, and clipped
// to a length fit for an error message.
func PointerToken(name string) string { return dataset.PointerToken(clip(name)) }
