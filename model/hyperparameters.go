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

// parameter is one hyperparameter of a family: its name in JSON, its default, and how a given value is read.
type parameter struct {
	name     string
	standard any // float64, int64, string or elements, as read returns it
	// read refuses a wrong type and a value out of range, with a *SpecError when what is wrong lies within the value:
	// its Pointer begins at the value.
	read   func(json.RawMessage) (any, error)
	domain Domain // what read takes, as data
	about  string // a sentence for users, see means
}

// means returns p with the sentence that users read about it.
func (p parameter) means(about string) parameter {
	p.about = about
	return p
}

// elements is the value of an array parameter.
type elements []any

// String returns the JSON form, which is what fmt shows of it: a run's parameters then read as they were sent.
func (e elements) String() string {
	b, err := json.Marshal([]any(e))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// number is a parameter from low to high, both included.
func number(name string, standard, low, high float64) parameter {
	return parameter{
		name:     name,
		standard: standard,
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

// plain writes a bound as people do: in full, unless it is very small.
func plain(v float64) string {
	if v != 0 && math.Abs(v) < 1e-4 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// integer is a whole number from low to high, both included, or one of extra. 5.0 and 5e0 are whole numbers in JSON.
func integer(name string, standard, low, high int64, extra ...int64) parameter {
	want := fmt.Sprintf("want a whole number from %d to %d", low, high)
	for _, e := range extra {
		want += fmt.Sprintf(", or %d", e)
	}
	domain := Domain{Type: "integer", Low: float64(low), High: float64(high), Extra: extra}
	return parameter{name: name, standard: standard, domain: domain, read: func(raw json.RawMessage) (any, error) {
		v, err := parseNumber(raw)
		n := int64(v) // v is checked to be exactly n before n is used
		if err != nil || float64(n) != v || (n < low || n > high) && !slices.Contains(extra, n) {
			return nil, errors.New(want)
		}
		return n, nil
	}}
}

// choice is a parameter that is one of words.
func choice(name, standard string, words ...string) parameter {
	return parameter{
		name:     name,
		standard: standard,
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

// array is a list of at most longest values, each as element reads it. It takes the name of its element.
func array(element parameter, longest int, standard ...any) parameter {
	domain := Domain{Type: "array", Items: &element.domain, Longest: longest}
	return parameter{
		name:     element.name,
		standard: append(elements{}, standard...),
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
					return nil, &SpecError{fmt.Sprintf("/%d", i), err.Error()}
				}
			}
			return values, nil
		},
	}
}

// parseNumber reads a JSON number. encoding/json alone would leave a null as 0.
func parseNumber(raw json.RawMessage) (float64, error) {
	var v *float64
	if err := json.Unmarshal(raw, &v); err != nil {
		return 0, err
	}
	if v == nil {
		return 0, errors.New("null")
	}
	if *v == 0 {
		return 0, nil // -0 too: one spelling per number
	}
	return *v, nil
}

// resolve checks the object raw against the family's parameters and returns the value of every parameter.
func (f family) resolve(raw json.RawMessage) (map[string]any, error) {
	given, err := members(raw)
	if err != nil {
		return nil, &SpecError{"/hyperparameters", err.Error()}
	}
	values := make(map[string]any, len(f.parameters))
	for _, m := range given {
		pointer := "/hyperparameters/" + escapePointer(clip(m.name))
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

// fill gives every parameter that has no value its default, which a preset may have changed.
func (f family) fill(values map[string]any) {
	preset := f.presets[fmt.Sprint(values["preset"])]
	for _, p := range f.parameters {
		if _, given := values[p.name]; given {
			continue
		}
		values[p.name] = p.standard
		if v, ok := preset[p.name]; ok {
			values[p.name] = v
		}
	}
}

// at says where in a Spec the value is that a parameter's read refused.
func at(pointer string, err error) *SpecError {
	if inner, ok := errors.AsType[*SpecError](err); ok {
		return &SpecError{pointer + inner.Pointer, inner.Reason}
	}
	return &SpecError{pointer, err.Error()}
}

// parameter returns the family's parameter of that name.
func (f family) parameter(name string) (parameter, bool) {
	i := slices.IndexFunc(f.parameters, func(p parameter) bool { return p.name == name })
	if i < 0 {
		return parameter{}, false
	}
	return f.parameters[i], true
}

// parameterNames lists the family's parameters in the order of its table.
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

// members splits a JSON object into its members in their order, duplicates included. Nothing and null count as {}.
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
		m := member{name: fmt.Sprint(name)} // a Decoder refuses a name that is not a string
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

// escapePointer escapes one reference token of a JSON pointer as RFC 6901 asks.
func escapePointer(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// list joins names for a message.
func list[S ~string](names []S) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}
