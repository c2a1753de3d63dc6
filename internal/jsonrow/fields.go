package jsonrow

import (
	"strconv"

	"iris/internal/dataset"
)

// Fields finds members of a JSON object by name. It is for columns that are passed through, so it returns any value as
// text: a string without its quotes and escapes, null as "", everything else as it is written.
type Fields struct {
	index map[string]int
	text  []byte // decoded strings
	spare []byte
}

// NewFields returns a finder of members with these names.
func NewFields(names []string) *Fields {
	f := &Fields{index: make(map[string]int, len(names))}
	for i, name := range names {
		f.index[name] = i
	}
	return f
}

// Find puts the value of each name into values, which has an element for each name. Values point into data, or are
// valid until Reset. The error is a *dataset.RowError for a name that is missing or given twice and for a document
// that is not an object, and a *SyntaxError for one that is not JSON.
func (f *Fields) Find(data []byte, values [][]byte) error {
	for i := range values {
		values[i] = nil
	}
	s := Scanner{Data: data}
	s.Space()
	if s.Peek() != '{' {
		return s.SyntaxFirst(&dataset.RowError{Reason: s.Kind() + ", want an object"})
	}
	s.Pos++
	var buf [128]byte
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		i, wanted := f.index[string(name.Decode(buf[:0]))]
		start := s.Pos
		isText, isNull := s.Peek() == '"', s.Peek() == 'n'
		if err := s.Skip(1); err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if values[i] != nil {
			return &dataset.RowError{Column: f.name(i), Reason: "given twice"}
		}
		values[i] = s.Data[start:s.Pos]
		switch {
		case isText:
			values[i] = f.unquote(values[i])
		case isNull:
			values[i] = values[i][:0]
		}
	}
	for i, value := range values {
		if value == nil {
			return &dataset.RowError{Column: f.name(i), Reason: "missing"}
		}
	}
	return s.End()
}

// Reset invalidates the values of all objects so far.
func (f *Fields) Reset() { f.text = f.text[:0] }

// unquote returns the value of a valid string.
func (f *Fields) unquote(quoted []byte) []byte {
	span := quoted[1 : len(quoted)-1]
	for _, c := range span {
		if c == '\\' {
			f.spare = Text{span: span, escaped: true}.Decode(f.spare[:0])
			from := len(f.text)
			f.text = append(f.text, f.spare...)
			return f.text[from:len(f.text):len(f.text)]
		}
	}
	return span
}

func (f *Fields) name(index int) string {
	for name, i := range f.index {
		if i == index {
			return name
		}
	}
	return strconv.Itoa(index)
}
