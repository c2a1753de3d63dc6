package dataset

import "strconv"

// OnUnseen says what becomes of a text of a categorical feature that is not a level.
type OnUnseen string

// The values of OnUnseen.
const (
	UnseenOther OnUnseen = ""      // it counts as one of the texts that are too rare for a level
	UnseenError OnUnseen = "error" // it is an error
)

// ParseOnUnseen reads the option of a request. The reason says what is wrong with a text, and is "" for a good one.
func ParseOnUnseen(text string) (o OnUnseen, reason string) {
	switch text {
	case "", "other":
		return UnseenOther, ""
	case string(UnseenError):
		return UnseenError, ""
	}
	return "", strconv.Quote(text) + " is not understood: want other or error"
}

// CellsOf returns the Cells of the features of s, or nil if all of them are numbers and none may be missing.
func CellsOf(s Schema, onUnseen OnUnseen) *Cells {
	if s.Plain() {
		return nil
	}
	return NewCells(s).With(onUnseen)
}

// With returns c, strict if o is UnseenError.
func (c *Cells) With(o OnUnseen) *Cells {
	if c == nil || o != UnseenError {
		return c
	}
	return c.Strict()
}
