package jsonrow

import "fmt"

// SyntaxError says that bytes are not a JSON document at all.
type SyntaxError struct {
	Offset int // of the byte where reading stopped, from 0
	Reason string
}

// Error names the byte and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid json at byte %d: %s", e.Offset, e.Reason)
}
