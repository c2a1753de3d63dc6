package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// maxGroups is how many groups of interactions a tree can have; the features of no group are one more.
const maxGroups = 63

// directions is the value of a parameter that gives features a direction, by name.
type directions map[string]int8

// String returns the JSON form, so that the parameters of a run look as they were sent.
func (d directions) String() string {
	b, err := json.Marshal(map[string]int8(d))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// direction returns a parameter that gives some features 1 or -1.
func direction(name string) parameter {
	up := integer("", 1, 1, 1, -1)
	domain := Domain{Type: "object", Items: &up.domain}
	return parameter{name: name, fallback: directions{}, domain: domain, read: func(raw json.RawMessage) (any, error) {
		given, err := members(raw)
		if err != nil || string(bytes.TrimSpace(raw)) == "null" {
			return nil, errors.New("want an object of features")
		}
		values := directions{}
		for _, m := range given {
			if _, twice := values[m.name]; twice {
				return nil, &SpecError{"/" + PointerToken(m.name), "given twice"}
			}
			v, err := up.read(m.value)
			if err != nil {
				return nil, &SpecError{"/" + PointerToken(m.name), "want 1 or -1"}
			}
			values[m.name] = int8(v.(int64)) //nolint:forcetypeassert // what integer reads
		}
		return values, nil
	}}
}

// name returns a parameter that is the name of a feature.
func name(of string) parameter {
	return parameter{name: of, fallback: "", domain: Domain{Type: "string"}, read: func(raw json.RawMessage) (any, error) {
		var v string
		if err := json.Unmarshal(raw, &v); err != nil || v == "" {
			return nil, errors.New("want the name of a feature")
		}
		return v, nil
	}}
}

// checkLimits refuses limits that a table with this schema cannot have.
func (h gbdtSettings) checkLimits(s *dataset.Schema) error {
	for name := range h.Monotone {
		reason := ""
		switch i := slices.Index(s.Features, name); {
		case i < 0:
			reason = "is not a feature"
		case s.Column(i).Kind == dataset.Categorical, s.Column(i).Kind == dataset.Datetime:
			reason = "is a " + string(s.Column(i).Kind) + " feature, which has no direction"
		case len(s.Classes) != 2:
			reason = fmt.Sprintf("a direction needs two classes, the data has %d", len(s.Classes))
		}
		if reason != "" {
			return &SpecError{"/hyperparameters/monotone/" + PointerToken(name), reason}
		}
	}
	for i, group := range h.Interactions {
		for j, name := range group {
			if !slices.Contains(s.Features, name) {
				return &SpecError{
					fmt.Sprintf("/hyperparameters/interactions/%d/%d", i, j),
					fmt.Sprintf("%q is not a feature", clip(name)),
				}
			}
		}
	}
	return nil
}

// limits returns the limits for the inputs of a learner. Inputs of one feature have its name.
func (h gbdtSettings) limits(inputs []string) tree.Limits {
	var l tree.Limits
	if len(h.Monotone) > 0 {
		l.Monotone = make([]int8, len(inputs))
		for i, name := range inputs {
			l.Monotone[i] = h.Monotone[name]
		}
	}
	if len(h.Interactions) == 0 {
		return l
	}
	l.Groups = make([]uint64, len(inputs))
	for i, name := range inputs {
		for g, group := range h.Interactions {
			if slices.Contains(group, name) {
				l.Groups[i] |= 1 << g
			}
		}
		if l.Groups[i] == 0 {
			l.Groups[i] = 1 << maxGroups
		}
	}
	return l
}

// checkGBDT refuses a spec whose limits do not suit a table with this schema.
func checkGBDT(s *dataset.Schema, spec Spec) error {
	var h struct {
		Monotone     directions `json:"monotone"`
		Interactions [][]string `json:"interactions"`
	}
	if err := spec.read(&h); err != nil {
		return err
	}
	return gbdtSettings{Monotone: h.Monotone, Interactions: h.Interactions}.checkLimits(s)
}
