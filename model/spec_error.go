package model

import "fmt"

// NewSpecError returns the error for one field of a request.
func NewSpecError(pointer, format string, args ...any) *SpecError {
	return &SpecError{Pointer: pointer, Reason: fmt.Sprintf(format, args...)}
}

// PointerToken returns a name from a client as one token of a JSON pointer: escaped as RFC 6901 requires, and clipped
// to a length fit for an error message.
func PointerToken(name string) string { return escapePointer(clip(name)) }
