package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parameter is one hyperparameter of a family.
type parameter struct {
	name     string
	fallback any // the default: float64, int64, string or elements, as read returns it
	// read returns a value, or an error if it has the wrong type or is out of range. If only an element of the value is
	// invalid, the error is a *SpecError whose Pointer is relative to the value.
	read   func(json.RawMessage) (any, error)
	domain Domain // the values that read accepts
	about  string // a description for users, see means
	// unsaid says that a resolved Spec does not name the default. Specs from before the parameter then stay as they are.
	unsaid bool
}

// means returns p with a description for users.
func (p parameter) means(about string) parameter {
	p.about = about
	return p
}

// leftUnsaid returns p without its default in resolved Specs.
func (p parameter) leftUnsaid() parameter {
	p.unsaid = true
	return p
}

// auto is the value of a hyperparameter that a fit chooses by its table.
const auto = "auto"

// orAuto returns p with "auto" as a value more, and as the default. Its family has an adapt.
func (p parameter) orAuto() parameter {
	given := p.read
	p.fallback, p.domain.Auto = auto, true
	p.read = func(raw json.RawMessage) (any, error) {
		if string(bytes.TrimSpace(raw)) == `"auto"` {
			return auto, nil
		}
		v, err := given(raw)
		if err != nil {
			err = fmt.Errorf("%w, or auto", err)
		}
		return v, err
	}
	return p
}

// elements is the value of an array parameter.
type elements []any

// String returns the JSON form, so that the parameters of a run look as they were sent.
func (e elements) String() string {
	b, err := json.Marshal([]any(e))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// number returns a parameter from low to high, both included.
func number(name string, fallback, low, high float64) parameter {
	return parameter{
		name:     name,
		fallback: fallback,
		domain:   Domain{Type: "number", Low: low, High: high},
		read: func(raw json.RawMessage) (any, error) {
			v, err := parseNumber(raw)
			if err != nil || v < low || v > high {
				return nil, fmt.Errorf("want a number from %s to %s", plain(low), plain(high))
			}
			return v, nil
		},
	}
}

// plain formats a bound in full, unless it is very small.
func plain(v float64) string {
	if v != 0 && math.Abs(v) < 1e-4 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// integer returns a parameter that is a whole number from low to high, both included, or one of extra. In JSON, 5.0 and
// 5e0 are whole numbers too.
func integer(name string, fallback, low, high int64, extra ...int64) parameter {
	want := fmt.Sprintf("want a whole number from %d to %d", low, high)
	for _, e := range extra {
		want += fmt.Sprintf(", or %d", e)
	}
	domain := Domain{Type: "integer", Low: float64(low), High: float64(high), Extra: extra}
	return parameter{name: name, fallback: fallback, domain: domain, read: func(raw json.RawMessage) (any, error) {
		v, err := parseNumber(raw)
		n := int64(v) // the condition below checks that v is exactly n
		if err != nil || float64(n) != v || (n < low || n > high) && !slices.Contains(extra, n) {
			return nil, errors.New(want)
		}
		return n, nil
	}}
}

// choice returns a parameter that is one of words.
func choice(name, fallback string, words ...string) parameter {
	return parameter{
		name:     name,
		fallback: fallback,
		domain:   Domain{Type: "string", Words: words},
		read: func(raw json.RawMessage) (any, error) {
			var v string
			if err := json.Unmarshal(raw, &v); err != nil || !slices.Contains(words, v) {
				return nil, fmt.Errorf("want one of %s", list(words))
			}
			return v, nil
		},
	}
}

// array returns a parameter that is a list of at most longest values. It has the name of element, which reads each
// value.
func array(element parameter, longest int, fallback ...any) parameter {
	domain := Domain{Type: "array", Items: &element.domain, Longest: longest}
	return parameter{
		name:     element.name,
		fallback: append(elements{}, fallback...),
		domain:   domain,
		read: func(raw json.RawMessage) (any, error) {
			var given []json.RawMessage
			if err := json.Unmarshal(raw, &given); err != nil || given == nil || len(given) > longest {
				return nil, fmt.Errorf("want an array of at most %d values", longest)
			}
			values := make(elements, len(given))
			for i, v := range given {
				var err error
				if values[i], err = element.read(v); err != nil {
					return nil, at(fmt.Sprintf("/%d", i), err)
				}
			}
			return values, nil
		},
	}
}

// parseNumber reads a JSON number. encoding/json alone would read null as 0.
func parseNumber(raw json.RawMessage) (float64, error) {
	var v *float64
	if err := json.Unmarshal(raw, &v); err != nil {
		return 0, err
	}
	if v == nil {
		return 0, errors.New("null")
	}
	if *v == 0 {
		return 0, nil // also for -0: one spelling per number
	}
	return *v, nil
}

// resolve checks the object raw against the parameters of f and returns the value of every parameter.
func (f family) resolve(raw json.RawMessage) (map[string]any, error) {
	given, err := members(raw)
	if err != nil {
		return nil, &SpecError{"/hyperparameters", err.Error()}
	}
	values := make(map[string]any, len(f.parameters))
	for _, m := range given {
		pointer := "/hyperparameters/" + PointerToken(m.name)
		p, ok := f.parameter(m.name)
		if !ok {
			return nil, &SpecError{pointer, "unknown hyperparameter, want " + f.parameterNames()}
		}
		if _, ok := values[m.name]; ok {
			return nil, &SpecError{pointer, "given twice"}
		}
		if values[m.name], err = p.read(m.value); err != nil {
			return nil, at(pointer, err)
		}
	}
	f.fill(values)
	return values, nil
}

// fill sets every missing parameter to its default, or to that of the preset in values.
func (f family) fill(values map[string]any) {
	preset := f.presets[fmt.Sprint(values["preset"])]
	for _, p := range f.parameters {
		v, given := values[p.name]
		if p.unsaid && given && fmt.Sprint(v) == fmt.Sprint(p.fallback) {
			delete(values, p.name)
		}
		if given || p.unsaid {
			continue
		}
		values[p.name] = p.fallback
		if v, ok := preset[p.name]; ok {
			values[p.name] = v
		}
	}
}

// at returns an error of a read as a *SpecError at pointer.
func at(pointer string, err error) *SpecError {
	if inner, ok := errors.AsType[*SpecError](err); ok {
		return &SpecError{pointer + inner.Pointer, inner.Reason}
	}
	return &SpecError{pointer, err.Error()}
}

// parameter returns the parameter of that name.
func (f family) parameter(name string) (parameter, bool) {
	i := slices.IndexFunc(f.parameters, func(p parameter) bool { return p.name == name })
	if i < 0 {
		return parameter{}, false
	}
	return f.parameters[i], true
}

// parameterNames returns the names of the parameters for a message.
func (f family) parameterNames() string {
	names := make([]string, len(f.parameters))
	for i, p := range f.parameters {
		names[i] = p.name
	}
	return list(names)
}

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of a JSON object in their order, duplicates included. Empty input and null mean {}.
func members(raw json.RawMessage) ([]member, error) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	switch opening, err := d.Token(); {
	case err != nil:
		return nil, fmt.Errorf("not valid JSON: %w", err)
	case opening != json.Delim('{'):
		return nil, errors.New("want an object")
	}
	var found []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("not valid JSON: %w", err)
		}
		m := member{name: fmt.Sprint(name)} // a Decoder returns an error if a name is not a string
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("not valid JSON: %w", err)
		}
		found = append(found, m)
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("not valid JSON: something follows the object")
	}
	return found, nil
}

// list joins names for a message.
func list[S ~string](names []S) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}
