package search

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"iris/model"
)

// Dimension is what to try for one hyperparameter: a list of values, or a range of numbers. In JSON it is an array or
// an object.
type Dimension struct {
	Values []json.RawMessage
	Range  *Range
}

// Range is the numbers from Min to Max, inclusive.
type Range struct {
	Min     *float64 `json:"min"`
	Max     *float64 `json:"max"`
	Log     bool     `json:"log,omitempty"`     // draws each order of magnitude equally often
	Integer bool     `json:"integer,omitempty"` // draws whole numbers; set for hyperparameters that are integers
}

// MarshalJSON writes the array or the object.
func (d Dimension) MarshalJSON() ([]byte, error) {
	if d.Range != nil {
		return json.Marshal(d.Range)
	}
	return json.Marshal(d.Values)
}

// UnmarshalJSON reads an array, or an object without unknown fields.
func (d *Dimension) UnmarshalJSON(data []byte) error {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '[' {
		return json.Unmarshal(data, &d.Values)
	}
	d.Range = new(Range)
	return strict(data, d.Range)
}

// resolveDimension checks the values of one hyperparameter by the rules of the model.
func (r Request) resolveDimension(base model.Spec, name string) (Dimension, error) {
	pointer := "/search/space/" + model.PointerToken(name)
	described, _ := model.Describe(base.Algorithm)
	at := slices.IndexFunc(described.Parameters, func(p model.Parameter) bool { return p.Name == name })
	if at < 0 {
		return Dimension{}, model.NewSpecError(pointer, "%s has no such hyperparameter", base.Algorithm)
	}
	d := r.Space[name]
	if d.Range != nil {
		resolved, err := r.resolveRange(*d.Range, described.Parameters[at].Type, pointer)
		if err != nil {
			return Dimension{}, err
		}
		if err := checkEnd(base, name, *resolved.Min, pointer+"/min", resolved.Integer); err != nil {
			return Dimension{}, err
		}
		return Dimension{Range: &resolved}, checkEnd(base, name, *resolved.Max, pointer+"/max", resolved.Integer)
	}
	if len(d.Values) == 0 {
		return Dimension{}, model.NewSpecError(pointer, "is empty: want values, or a range with min and max")
	}
	for i, v := range d.Values {
		if err := checkValue(base, name, v, fmt.Sprintf("%s/%d", pointer, i)); err != nil {
			return Dimension{}, err
		}
	}
	return d, nil
}

// resolveRange checks the range of a hyperparameter whose type is kind.
func (r Request) resolveRange(of Range, kind, pointer string) (Range, error) {
	var err error
	switch {
	case r.Method == Grid:
		err = model.NewSpecError(pointer, "a grid takes a list of values, not a range")
	case kind != "number" && kind != "integer":
		err = model.NewSpecError(pointer, "takes no numbers: want a list of values")
	case of.Min == nil || of.Max == nil:
		err = model.NewSpecError(pointer, "want both min and max")
	case *of.Min >= *of.Max:
		err = model.NewSpecError(pointer+"/max", "want more than min")
	case of.Log && *of.Min <= 0:
		err = model.NewSpecError(pointer+"/min", "want more than 0 on a log scale")
	}
	of.Integer = of.Integer || kind == "integer"
	return of, err
}

// checkEnd checks one end of a range.
func checkEnd(base model.Spec, name string, v float64, pointer string, integer bool) error {
	if integer && v != float64(int64(v)) {
		return model.NewSpecError(pointer, "want a whole number")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return model.NewSpecError(pointer, "want a number")
	}
	return checkValue(base, name, raw, pointer)
}

// checkValue checks one value by the rules of the model. Its error points to the value in the request.
func checkValue(base model.Spec, name string, value json.RawMessage, pointer string) error {
	raw, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err != nil {
		return model.NewSpecError(pointer, "want a value")
	}
	base.Hyperparameters = raw
	_, err = base.Resolve()
	var wrong *model.SpecError
	if errors.As(err, &wrong) && strings.HasPrefix(wrong.Pointer, "/hyperparameters/") {
		return &model.SpecError{
			Pointer: pointer + strings.TrimPrefix(wrong.Pointer, "/hyperparameters/"+model.PointerToken(name)),
			Reason:  wrong.Reason,
		}
	}
	return err
}
