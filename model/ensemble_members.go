package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"iris/internal/dataset"
)

// MaxMembers is the maximum number of members of an ensemble.
const MaxMembers = 25

// Bounds of the temperature of an ensemble.
const (
	MinTemperature = 0.05
	MaxTemperature = 20
)

// Bounds of the weight of a member. Only the ratio of the weights matters.
const (
	minMemberWeight = 1e-6
	maxMemberWeight = 1e6
)

// ensembleSettings are the hyperparameters of a resolved ensemble.
type ensembleSettings struct {
	Members     []ensembleMember `json:"members"`
	Temperature float64          `json:"temperature"`
}

// ensembleMember is an element of the hyperparameter members.
type ensembleMember struct {
	Algorithm       Algorithm       `json:"algorithm"`
	Hyperparameters json.RawMessage `json:"hyperparameters"` // all of them, in the canonical form of Spec.Resolve
	Weight          float64         `json:"weight"`
}

// spec returns the spec of the member of an ensemble.
func (m ensembleMember) spec(of Spec) Spec {
	return Spec{
		Algorithm: m.Algorithm, Hyperparameters: m.Hyperparameters, Seed: of.Seed, ClassWeight: of.ClassWeight,
	}
}

// ensembleMembers is the value of the hyperparameter members.
type ensembleMembers []ensembleMember

// longestParam is the maximum length of String. A parameter of an MLflow run holds at least 500 characters, in every
// version of it.
const longestParam = 500

// String returns the weights, the algorithms and, as far as there is room for all, the hyperparameters other than the
// defaults, as a parameter of an MLflow run.
func (list ensembleMembers) String() string {
	full, short := make([]string, len(list)), make([]string, len(list))
	for i, m := range list {
		short[i] = strconv.FormatFloat(m.Weight, 'g', 4, 64) + " " + string(m.Algorithm)
		full[i] = short[i] + m.differences()
	}
	for _, words := range [][]string{full, short} {
		if s := strings.Join(words, ", "); len(s) <= longestParam {
			return s
		}
	}
	return strings.Join(short, ", ")[:longestParam-3] + "..."
}

// differences returns the hyperparameters that are not the defaults, in parentheses, or "" if there are none.
func (m ensembleMember) differences() string {
	defaults, err := Spec{Algorithm: m.Algorithm}.Resolve()
	if err != nil {
		return ""
	}
	var usual map[string]json.RawMessage
	given, err := members(m.Hyperparameters)
	if err != nil || json.Unmarshal(defaults.Hyperparameters, &usual) != nil {
		return ""
	}
	var words []string
	for _, h := range given {
		if string(h.value) != string(usual[h.name]) {
			words = append(words, h.name+" "+string(h.value))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// usualMembers is the default of the hyperparameter members: what differs most mixes best.
const usualMembers = `[{"algorithm":"gbdt"},{"algorithm":"logistic_regression"}]`

// membersParameter returns the hyperparameter members.
func membersParameter() parameter {
	families := slices.DeleteFunc(Algorithms(), func(a Algorithm) bool { return a == Ensemble })
	words := make([]string, len(families))
	for i, a := range families {
		words[i] = string(a)
	}
	weight := Domain{Type: "number", Low: minMemberWeight, High: maxMemberWeight}
	member := Domain{Type: "object", Fields: []Parameter{
		{Name: "algorithm", About: "A family other than ensemble.", Domain: Domain{Type: "string", Words: words}},
		{Name: "hyperparameters", About: "Those of the family.", Default: map[string]any{}, Domain: Domain{Type: "object"}},
		{Name: "weight", About: "Its weight. Only the ratio of the weights matters.", Default: 1.0, Domain: weight},
	}}
	p := parameter{
		name:   "members",
		domain: Domain{Type: "array", Items: &member, Shortest: 1, Longest: MaxMembers},
		read: func(raw json.RawMessage) (any, error) {
			return readMembers(raw, nil)
		},
	}.means("The models whose probabilities are averaged. Each learns from all rows. One alone takes a temperature.")
	usual, err := readMembers([]byte(usualMembers), nil)
	if err != nil {
		panic(err) // the defaults of both families are valid
	}
	p.fallback = usual
	return p
}

// readMembers reads the hyperparameter members of a Spec with the class weight.
func readMembers(raw json.RawMessage, weight *ClassWeight) (ensembleMembers, error) {
	var given []json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || len(given) == 0 || len(given) > MaxMembers {
		return nil, fmt.Errorf("want an array of 1 to %d members", MaxMembers)
	}
	list := make(ensembleMembers, len(given))
	for i, object := range given {
		var err error
		if list[i], err = readMember(object, weight); err != nil {
			if class, ok := errors.AsType[*SpecError](err); ok && strings.HasPrefix(class.Pointer, "/class_weight") {
				return nil, &SpecError{class.Pointer, fmt.Sprintf("member %d, %s: %s", i, list[i].Algorithm, class.Reason)}
			}
			return nil, at("/"+strconv.Itoa(i), err)
		}
	}
	return list, nil
}

// readMember reads an element of the hyperparameter members. Pointers in its errors are relative to it, except those to
// the class weight.
func readMember(raw json.RawMessage, class *ClassWeight) (ensembleMember, error) {
	m := ensembleMember{Weight: 1}
	fields, err := members(raw)
	if err != nil || len(fields) == 0 {
		return m, errors.New("want an object with an algorithm, and with hyperparameters and a weight if they matter")
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.name] {
			return m, &SpecError{"/" + PointerToken(f.name), "given twice"}
		}
		seen[f.name] = true
		switch f.name {
		case "algorithm":
			if err := json.Unmarshal(f.value, &m.Algorithm); err != nil {
				return m, &SpecError{"/algorithm", "want the name of an algorithm"}
			}
		case "hyperparameters":
			m.Hyperparameters = f.value
		case "weight":
			w, err := parseNumber(f.value)
			if err != nil || w < minMemberWeight || w > maxMemberWeight {
				return m, &SpecError{
					"/weight", fmt.Sprintf("want a number from %s to %s", plain(minMemberWeight), plain(maxMemberWeight)),
				}
			}
			m.Weight = w
		default:
			return m, &SpecError{"/" + PointerToken(f.name), "unknown field, want algorithm, hyperparameters, weight"}
		}
	}
	switch m.Algorithm {
	case "":
		return m, &SpecError{"/algorithm", "is missing"}
	case Ensemble:
		return m, &SpecError{"/algorithm", "an ensemble cannot be a member of an ensemble"}
	}
	resolved, err := m.spec(Spec{ClassWeight: class}).Resolve()
	if err != nil {
		return m, err
	}
	m.Hyperparameters = resolved.Hyperparameters
	return m, nil
}

// weighMembers checks that every member can use the class weight of s, and replaces the members in values: their
// hyperparameter class_weight has no part any more.
func weighMembers(s Spec, values map[string]any) error {
	var given struct {
		Members json.RawMessage `json:"members"`
	}
	if err := s.read(&given); len(s.Hyperparameters) > 0 && err != nil {
		return err
	}
	if given.Members == nil {
		given.Members = []byte(usualMembers)
	}
	list, err := readMembers(given.Members, s.ClassWeight)
	if err != nil {
		if class, ok := errors.AsType[*SpecError](err); ok && !strings.HasPrefix(class.Pointer, "/class_weight") {
			return &SpecError{"/hyperparameters/members" + class.Pointer, class.Reason}
		}
		return err
	}
	values["members"] = list
	return nil
}

// ensembleSettings returns the hyperparameters of a resolved ensemble.
func (s Spec) ensembleSettings() (h ensembleSettings, err error) {
	return h, s.read(&h)
}

// checkEnsemble returns a *SpecError if a member does not suit a table with the schema.
func checkEnsemble(schema *dataset.Schema, s Spec) error {
	_, specs, err := newEnsemble(s)
	if err != nil {
		return err
	}
	for i, spec := range specs {
		if check := families[spec.Algorithm].check; check != nil {
			if err := check(schema, spec); err != nil {
				return ofMember(i, err)
			}
		}
	}
	return nil
}

// ofMember makes the pointer of a *SpecError for a member one into the Spec of its ensemble.
func ofMember(i int, err error) error {
	wrong, ok := errors.AsType[*SpecError](err)
	if !ok {
		return fmt.Errorf("member %d: %w", i, err)
	}
	if strings.HasPrefix(wrong.Pointer, "/class_weight") {
		return wrong
	}
	return &SpecError{fmt.Sprintf("/hyperparameters/members/%d%s", i, wrong.Pointer), wrong.Reason}
}
