package jsonrow

import "fmt"

// SyntaxError says that bytes are not a JSON document.
type SyntaxError struct {
	Offset int // of the byte at which reading stopped, from 0
	Reason string
}

// Error returns the byte and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid json at byte %d: %s", e.Offset, e.Reason)
}
