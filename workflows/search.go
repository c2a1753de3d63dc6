package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// Search asks for the best hyperparameters of an algorithm instead of given ones. Each trial is a cross-validation on
// the
// rows for training.
type Search struct {
	Method Method `json:"method"`
	// Space says what to try of each hyperparameter; those that it leaves out keep the value of the request.
	Space  map[string]Dimension `json:"space"`
	Budget *int                 `json:"budget,omitempty"` // trials at most, 1 to 200; default 30, of a grid its size
	Folds  *int                 `json:"folds,omitempty"`  // 2 to 20; default cv_folds
	Metric Metric               `json:"metric,omitempty"` // "" is log_loss
}

// Method is how a search chooses what to try.
type Method string

// The methods of a search. Halving draws as random does, tries all on a part of the rows, and the best third of them on
// three times as many, and so on.
const (
	GridSearch    Method = "grid"
	RandomSearch  Method = "random"
	HalvingSearch Method = "halving"
)

// Methods that are not asked for by name: what a training without a search may do before it fits.
const (
	autoMethod     Method = "auto"
	validateMethod Method = "cross_validation" // of the one spec that was given
)

// Methods lists what a search may name.
func Methods() []Method { return []Method{GridSearch, RandomSearch, HalvingSearch} }

// Metric is what a search compares trials by.
type Metric string

// The metrics of a search.
const (
	LogLoss  Metric = "log_loss"
	Accuracy Metric = "accuracy"
	MacroF1  Metric = "macro_f1"
	ECE      Metric = "ece" // expected calibration error
)

// Metrics lists what a search may be judged by.
func Metrics() []Metric { return []Metric{LogLoss, Accuracy, MacroF1, ECE} }

// better reports whether a is a better value of the metric than b.
func (m Metric) better(a, b float64) bool {
	if m == LogLoss || m == ECE {
		return a < b
	}
	return a > b
}

// Bounds and defaults of a search.
const (
	MaxBudget      = 200 // trials; with 4 events each, far within what one history holds
	DefaultBudget  = 30
	MinFolds       = 2
	MaxFolds       = 20
	DefaultCVFolds = 5
	MaxRepeats     = 10
)

// Dimension is what to try of one hyperparameter: a list of values, or a range of numbers. In JSON it is an array or an
// object.
type Dimension struct {
	Values []json.RawMessage
	Range  *Range
}

// Range is the numbers from Min to Max, both included.
type Range struct {
	Min     *float64 `json:"min"`
	Max     *float64 `json:"max"`
	Log     bool     `json:"log,omitempty"`     // every order of magnitude as often as any other
	Integer bool     `json:"integer,omitempty"` // whole numbers only; implied by a hyperparameter that takes no others
}

// MarshalJSON is the array or the object.
func (d Dimension) MarshalJSON() ([]byte, error) {
	if d.Range != nil {
		return json.Marshal(d.Range)
	}
	return json.Marshal(d.Values)
}

// UnmarshalJSON reads an array or an object without unknown fields.
func (d *Dimension) UnmarshalJSON(data []byte) error {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '[' {
		return json.Unmarshal(data, &d.Values)
	}
	d.Range = new(Range)
	return strict(data, d.Range)
}

// UnmarshalJSON refuses fields that are not part of a search.
func (s *Search) UnmarshalJSON(data []byte) error {
	type plain Search
	return strict(data, (*plain)(s))
}

// strict unmarshals data, refusing fields that into does not have.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// resolve checks s against the spec it starts from and fills in the defaults. Errors are *model.SpecError.
func (s Search) resolve(base model.Spec, folds int) (*Search, error) {
	if !slices.Contains(Methods(), s.Method) {
		return nil, refuse("/search/method", "want one of %s", joined(Methods()))
	}
	if s.Metric == "" {
		s.Metric = LogLoss
	}
	if !slices.Contains(Metrics(), s.Metric) {
		return nil, refuse("/search/metric", "want one of %s", joined(Metrics()))
	}
	if s.Folds == nil {
		s.Folds = ptr(folds)
	}
	if err := within("/search/folds", *s.Folds, MinFolds, MaxFolds); err != nil {
		return nil, err
	}
	if len(s.Space) == 0 {
		return nil, refuse("/search/space", "is empty: name at least one hyperparameter of %s", base.Algorithm)
	}
	space := make(map[string]Dimension, len(s.Space)) // the caller's stays as it is
	for _, name := range workflow.DeterministicKeys(s.Space) {
		d, err := s.resolveDimension(base, name)
		if err != nil {
			return nil, err
		}
		space[name] = d
	}
	s.Space = space
	return s.resolveBudget()
}

func (s Search) resolveBudget() (*Search, error) {
	size := s.gridSize()
	if s.Budget == nil {
		s.Budget = ptr(DefaultBudget)
		if s.Method == GridSearch {
			s.Budget = ptr(min(size, MaxBudget))
		}
	}
	if err := within("/search/budget", *s.Budget, 1, MaxBudget); err != nil {
		return nil, err
	}
	if s.Method == GridSearch && size > *s.Budget {
		return nil, refuse(
			"/search/space",
			"the grid has more points than the budget, %d; at most %d are possible",
			*s.Budget,
			MaxBudget,
		)
	}
	return &s, nil
}

// gridSize is the number of points of the grid, or some number above MaxBudget.
func (s Search) gridSize() int {
	size := 1
	for _, name := range workflow.DeterministicKeys(s.Space) {
		size = min(size*len(s.Space[name].Values), MaxBudget+1)
	}
	return size
}

// resolveDimension checks what is to be tried of one hyperparameter, each value as if it had been asked for.
func (s Search) resolveDimension(base model.Spec, name string) (Dimension, error) {
	pointer := "/search/space/" + escape(name)
	described, _ := model.Describe(base.Algorithm)
	at := slices.IndexFunc(described.Parameters, func(p model.Parameter) bool { return p.Name == name })
	if at < 0 {
		return Dimension{}, refuse(pointer, "%s has no such hyperparameter", base.Algorithm)
	}
	d := s.Space[name]
	if d.Range != nil {
		r, err := s.resolveRange(*d.Range, described.Parameters[at].Type, pointer)
		if err != nil {
			return Dimension{}, err
		}
		if err := checkEnd(base, name, *r.Min, pointer+"/min", r.Integer); err != nil {
			return Dimension{}, err
		}
		return Dimension{Range: &r}, checkEnd(base, name, *r.Max, pointer+"/max", r.Integer)
	}
	if len(d.Values) == 0 {
		return Dimension{}, refuse(pointer, "is empty: want values, or a range with min and max")
	}
	for i, v := range d.Values {
		if err := checkValue(base, name, v, fmt.Sprintf("%s/%d", pointer, i)); err != nil {
			return Dimension{}, err
		}
	}
	return d, nil
}

// resolveRange checks a range of a hyperparameter of a type.
func (s Search) resolveRange(r Range, kind, pointer string) (Range, error) {
	switch {
	case s.Method == GridSearch:
		return r, refuse(pointer, "a grid takes a list of values, not a range")
	case kind != "number" && kind != "integer":
		return r, refuse(pointer, "takes no numbers: want a list of values")
	case r.Min == nil || r.Max == nil:
		return r, refuse(pointer, "want both min and max")
	case *r.Min >= *r.Max:
		return r, refuse(pointer+"/max", "want more than min")
	case r.Log && *r.Min <= 0:
		return r, refuse(pointer+"/min", "want more than 0 on a log scale")
	}
	r.Integer = r.Integer || kind == "integer"
	return r, nil
}

// checkEnd checks an end of a range.
func checkEnd(base model.Spec, name string, v float64, pointer string, integer bool) error {
	if integer && v != float64(int64(v)) {
		return refuse(pointer, "want a whole number")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return refuse(pointer, "want a number")
	}
	return checkValue(base, name, raw, pointer)
}

// checkValue has the model check one value, and says where the value stands in the request.
func checkValue(base model.Spec, name string, value json.RawMessage, pointer string) error {
	raw, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err != nil {
		return refuse(pointer, "want a value")
	}
	base.Hyperparameters = raw
	_, err = base.Resolve()
	var wrong *model.SpecError
	if errors.As(err, &wrong) && strings.HasPrefix(wrong.Pointer, "/hyperparameters/") {
		return &model.SpecError{
			Pointer: pointer + strings.TrimPrefix(wrong.Pointer, "/hyperparameters/"+escape(name)),
			Reason:  wrong.Reason,
		}
	}
	return err
}

// within refuses a number outside of a range.
func within(pointer string, v, low, high int) error {
	if v < low || v > high {
		return refuse(pointer, "want a whole number from %d to %d", low, high)
	}
	return nil
}

// refuse is the error for one field of a request.
func refuse(pointer, format string, args ...any) error {
	return &model.SpecError{Pointer: pointer, Reason: fmt.Sprintf(format, args...)}
}

// escape makes a name a reference token of a JSON pointer (RFC 6901), short enough for a message.
func escape(name string) string {
	const longest = 80
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(name, longest))
}

// clip shortens what somebody else has written. It stays UTF-8: Temporal takes no other message.
func clip(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

// joined lists words for a sentence.
func joined[S ~string](words []S) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return strings.Join(list, ", ")
}
