package jsonrow

import (
	"strconv"

	"iris/internal/dataset"
)

// Fields finds members of a JSON object by their names, whatever they hold. It is for columns that are passed through.
//
// A text stands for itself; everything else, null and objects too, for the bytes it is written with.
type Fields struct {
	index map[string]int
	text  []byte // what members with escapes mean
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

// Find puts the value of each name into values, which has an element for each. They point into data, or are valid until
// Reset. A missing one is a *RowError, as is a name that is given twice; what isn't an object is a *SyntaxError or a
// *RowError.
func (f *Fields) Find(data []byte, values [][]byte) error {
	for i := range values {
		values[i] = nil
	}
	s := Scanner{Data: data}
	s.Space()
	if s.Peek() != '{' {
		return syntaxFirst(data, &dataset.RowError{Reason: s.Kind() + ", want an object"})
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
		isText := s.Peek() == '"'
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
		if isText {
			values[i] = f.unquote(values[i])
		}
	}
	for i, value := range values {
		if value == nil {
			return &dataset.RowError{Column: f.name(i), Reason: "missing"}
		}
	}
	return s.End()
}

// Reset gives up the values of all objects so far.
func (f *Fields) Reset() { f.text = f.text[:0] }

// unquote is what a string means. It has been checked.
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
