// Package search plans searches for hyperparameters: it checks a request, lists the candidates and chooses among the
// trials. It does not run trials, and its functions are pure because workflows call them and replay must repeat them.
package search

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"iris/model"
)

// Request asks for the best hyperparameters of an algorithm. Each trial is a cross-validation on the rows for training.
type Request struct {
	Method Method `json:"method"`
	// Space says what to try for each hyperparameter. The others keep the values of the training's request.
	Space  map[string]Dimension `json:"space"`
	Budget *int                 `json:"budget,omitempty"` // maximum trials, 1 to 200; default 30, for a grid its size
	Folds  *int                 `json:"folds,omitempty"`  // 2 to 20; default cv_folds
	Metric Metric               `json:"metric,omitempty"` // "" is log_loss
}

// Method is how a search chooses what to try.
type Method string

// The methods a request may name. Halving draws as Random does, tries every candidate on a part of the rows, then the
// best third on three times as many rows, and so on.
const (
	Grid    Method = "grid"
	Random  Method = "random"
	Halving Method = "halving"
)

// The methods of trainings without a search request.
const (
	AutoMethod     Method = "auto"
	ValidateMethod Method = "cross_validation" // of the one spec that the request gives
)

// Limits bound the trials of a training by auto or by a search.
type Limits struct {
	// MaxTrials is the most trials, in all rounds together, 1 to 200; nil leaves it to the method. The first trials are
	// the same with every limit of time.
	MaxTrials *int `json:"max_trials,omitempty"`
	// MaxRuntimeSeconds is how long trials may take in all, 1 to 86,400; nil is without a limit. One trial ends in any
	// case. Which others do depends on the machine, so the choice may differ from run to run.
	MaxRuntimeSeconds *int `json:"max_runtime_seconds,omitempty"`
}

// Methods lists the methods a request may name.
func Methods() []Method { return []Method{Grid, Random, Halving} }

// Metric is what a search compares trials by.
type Metric string

// The metrics of a search.
const (
	LogLoss  Metric = "log_loss"
	Accuracy Metric = "accuracy"
	MacroF1  Metric = "macro_f1"
	ECE      Metric = "ece" // expected calibration error
	AUC      Metric = "auc"
)

// Metrics lists the metrics a request may name: those of model.Metrics.Summary, the default first.
func Metrics() []Metric {
	list := []Metric{LogLoss}
	for _, name := range model.MetricNames() {
		if Metric(name) != LogLoss {
			list = append(list, Metric(name))
		}
	}
	return list
}

// better reports whether a is a better value of the metric than b.
func (m Metric) better(a, b float64) bool {
	if model.LowerIsBetter(string(m)) {
		return a < b
	}
	return a > b
}

// Limits and defaults of a search.
const (
	MaxBudget      = 200 // trials; a trial takes 4 events, so one history holds them easily
	DefaultBudget  = 30
	MinFolds       = 2
	MaxFolds       = 20
	DefaultCVFolds = 5
	MaxRepeats     = 10

	MaxRuntimeSeconds = 24 * 60 * 60
)

// UnmarshalJSON rejects unknown fields.
func (r *Request) UnmarshalJSON(data []byte) error {
	type plain Request
	return strict(data, (*plain)(r))
}

// strict unmarshals data and rejects fields that into does not have.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// ResolveValidation checks the folds and repeats of a training's trials and fills in the defaults. Errors are
// *model.SpecError.
func ResolveValidation(cvFolds, repeats *int) (_, _ *int, err error) {
	if cvFolds == nil {
		cvFolds = new(DefaultCVFolds)
	}
	if repeats == nil {
		repeats = new(1)
	}
	if err := checkRange("/cv_folds", *cvFolds, MinFolds, MaxFolds); err != nil {
		return nil, nil, err
	}
	return cvFolds, repeats, checkRange("/repeats", *repeats, 1, MaxRepeats)
}

// Check checks the limits of a training by a method, "" for one without trials. Errors are *model.SpecError.
func (l Limits) Check(method Method) error {
	for _, limit := range []struct {
		pointer string
		value   *int
		high    int
	}{{"/max_trials", l.MaxTrials, MaxBudget}, {"/max_runtime_seconds", l.MaxRuntimeSeconds, MaxRuntimeSeconds}} {
		switch {
		case limit.value == nil:
			continue
		case method == "", method == ValidateMethod:
			return model.NewSpecError(limit.pointer, "limits trials: want a search or the algorithm %s", Auto)
		}
		if err := checkRange(limit.pointer, *limit.value, 1, limit.high); err != nil {
			return err
		}
	}
	return nil
}

// Within returns a resolved request with a budget of at most that many trials; nil is without a limit. The error is a
// *model.SpecError.
func (r Request) Within(trials *int) (*Request, error) {
	switch {
	case trials == nil || *trials >= *r.Budget:
		return &r, nil
	case r.Method == Grid && r.gridSize() > *trials:
		return nil, model.NewSpecError("/max_trials", "the grid has more points: want %d or more", r.gridSize())
	}
	r.Budget = trials
	return &r, nil
}

// Resolve checks r against the spec it starts from and fills in the defaults. Errors are *model.SpecError.
func (r Request) Resolve(base model.Spec, folds int) (*Request, error) {
	if !slices.Contains(Methods(), r.Method) {
		return nil, model.NewSpecError("/search/method", "want one of %s", joined(Methods()))
	}
	if r.Metric == "" {
		r.Metric = LogLoss
	}
	if !slices.Contains(Metrics(), r.Metric) {
		return nil, model.NewSpecError("/search/metric", "want one of %s", joined(Metrics()))
	}
	if r.Folds == nil {
		r.Folds = &folds
	}
	if err := checkRange("/search/folds", *r.Folds, MinFolds, MaxFolds); err != nil {
		return nil, err
	}
	if len(r.Space) == 0 {
		return nil, model.NewSpecError("/search/space", "is empty: name at least one hyperparameter of %s", base.Algorithm)
	}
	space := make(map[string]Dimension, len(r.Space)) // leaves the caller's map unchanged
	for _, name := range r.names() {
		d, err := r.resolveDimension(base, name)
		if err != nil {
			return nil, err
		}
		space[name] = d
	}
	r.Space = space
	return r.resolveBudget()
}

func (r Request) resolveBudget() (*Request, error) {
	size := r.gridSize()
	if r.Budget == nil {
		r.Budget = new(DefaultBudget)
		if r.Method == Grid {
			r.Budget = new(min(size, MaxBudget))
		}
	}
	if err := checkRange("/search/budget", *r.Budget, 1, MaxBudget); err != nil {
		return nil, err
	}
	if r.Method == Grid && size > *r.Budget {
		return nil, model.NewSpecError(
			"/search/space",
			"the grid has more points than the budget, %d; at most %d are possible",
			*r.Budget,
			MaxBudget,
		)
	}
	return &r, nil
}

// names lists the hyperparameters of the space, sorted.
func (r Request) names() []string { return slices.Sorted(maps.Keys(r.Space)) }

// gridSize returns the number of points of the grid, or MaxBudget+1 for a larger grid.
func (r Request) gridSize() int {
	size := 1
	for _, name := range r.names() {
		size = min(size*len(r.Space[name].Values), MaxBudget+1)
	}
	return size
}

// checkRange rejects a number outside the range from low to high.
func checkRange(pointer string, v, low, high int) error {
	if v < low || v > high {
		return model.NewSpecError(pointer, "want a whole number from %d to %d", low, high)
	}
	return nil
}

// joined lists words for a sentence.
func joined[S ~string](words []S) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return strings.Join(list, ", ")
}
