package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/search"
	"iris/model"
)

// DefaultAlgorithm is what a training fits if its request names no algorithm.
const DefaultAlgorithm = search.Auto

// Defaults of a training.
const (
	DefaultTestSize = 0.25
	DefaultSeed     = 42
)

// TrainingInput asks for a training. It is what the REST API, the temporal CLI and a test write; fields it does not
// know are refused, so that a misspelt one is not silently ignored.
type TrainingInput struct {
	Model             string          `json:"model"`
	Dataset           string          `json:"dataset,omitempty"`         // s3://bucket/key of a CSV; "" is the bundled iris data
	Algorithm         model.Algorithm `json:"algorithm,omitempty"`       // "" is DefaultAlgorithm
	Hyperparameters   json.RawMessage `json:"hyperparameters,omitempty"` // of the algorithm; absent ones take their defaults
	TestSize          *float64        `json:"test_size,omitempty"`       // share of rows held out, 0 < test_size < 1; default 0.25
	Seed              *uint64         `json:"seed,omitempty"`            // default 42
	LabelColumn       string          `json:"label_column,omitempty"`    // "" is the model's label column, else the last one
	AllowSchemaChange bool            `json:"allow_schema_change,omitempty"`

	Features    []string           `json:"features,omitempty"`     // the columns to train on, in this order; nil is all but the label column
	ClassWeight *model.ClassWeight `json:"class_weight,omitempty"` // what a row of each class counts; nil is the same

	Search  *search.Request `json:"search,omitempty"`   // for the best hyperparameters
	CVFolds *int            `json:"cv_folds,omitempty"` // of trials, 2 to 20, default 5; given without a search, the spec is tried before it is fitted
	Repeats *int            `json:"repeats,omitempty"`  // of a trial, each with other folds, 1 to 10, default 1
	Promote PromotePolicy   `json:"promote,omitempty"`  // "" is auto
	Gate    *GateRules      `json:"gate,omitempty"`     // what a version must reach; nil is nothing but the champion

	Tags map[string]string `json:"tags,omitempty"` // for the run and the version in MLflow
}

// UnmarshalJSON refuses fields that are not part of the input.
func (in *TrainingInput) UnmarshalJSON(data []byte) error {
	type plain TrainingInput
	return strict(data, (*plain)(in))
}

// Resolve checks the input and fills in the defaults. The error is a *model.SpecError naming the field.
func (in TrainingInput) Resolve() (TrainingInput, model.Spec, error) {
	if err := model.CheckName(in.Model); err != nil {
		return in, model.Spec{}, &model.SpecError{Pointer: "/model", Reason: err.Error()}
	}
	if in.TestSize == nil {
		in.TestSize = new(DefaultTestSize)
	}
	if err := dataset.CheckTestSize(*in.TestSize); err != nil {
		return in, model.Spec{}, &model.SpecError{Pointer: "/test_size", Reason: err.Error()}
	}
	if in.Seed == nil {
		in.Seed = new(uint64(DefaultSeed))
	}
	if in.Dataset != "" {
		if _, err := objstore.ParseURI(in.Dataset); err != nil {
			return in, model.Spec{}, &model.SpecError{Pointer: "/dataset", Reason: err.Error()}
		}
	}
	var err error
	if in.Promote, err = in.Promote.resolve(); err != nil {
		return in, model.Spec{}, err
	}
	if err := in.Gate.check(); err != nil {
		return in, model.Spec{}, err
	}
	if err := checkFeatures(in.Features); err != nil {
		return in, model.Spec{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return in, model.Spec{}, err
	}
	if in.Algorithm == "" {
		in.Algorithm = DefaultAlgorithm
	}
	if in.Algorithm == search.Auto {
		return in.resolveAuto()
	}
	spec, err := model.Spec{
		Algorithm:       in.Algorithm,
		Hyperparameters: in.Hyperparameters,
		Seed:            *in.Seed,
		ClassWeight:     in.ClassWeight,
	}.Resolve()
	in.Algorithm = spec.Algorithm
	if in.Search == nil { // a search begins with what was given: a preset that it tries decides on the rest
		in.Hyperparameters = spec.Hyperparameters
	}
	var wrong *model.SpecError
	switch {
	case err == nil:
		in, err = in.resolveTrials(spec)
	case errors.As(err, &wrong) && wrong.Pointer == "/algorithm":
		err = model.NewSpecError(wrong.Pointer, "%s, or %s", wrong.Reason, search.Auto)
	}
	return in, spec, err
}

// resolveAuto checks the fields that a training by auto may not have.
func (in TrainingInput) resolveAuto() (TrainingInput, model.Spec, error) {
	spec := model.Spec{Algorithm: search.Auto, Seed: *in.Seed, ClassWeight: in.ClassWeight}
	if h := string(in.Hyperparameters); h != "" && h != "null" && h != "{}" {
		return in, spec, model.NewSpecError(
			"/hyperparameters", "%s takes none: name an algorithm to give it some", search.Auto)
	}
	if in.Search != nil {
		return in, spec, model.NewSpecError(
			"/search", "%s takes none: name an algorithm to search for its hyperparameters", search.Auto)
	}
	if _, err := (model.Spec{ClassWeight: in.ClassWeight}).Resolve(); err != nil { // by a family that can weigh
		return in, spec, err
	}
	in.Algorithm, in.Hyperparameters = search.Auto, nil
	in, err := in.resolveTrials(spec)
	return in, spec, err
}

// resolveTrials checks how a training tries specs and fills in the defaults, if it tries any.
func (in TrainingInput) resolveTrials(spec model.Spec) (_ TrainingInput, err error) {
	if in.Search == nil && in.method() == "" {
		return in, nil
	}
	if in.CVFolds, in.Repeats, err = search.ResolveValidation(in.CVFolds, in.Repeats); err != nil {
		return in, err
	}
	if in.Search != nil {
		in.Search, err = in.Search.Resolve(spec, *in.CVFolds)
	}
	return in, err
}

// method returns how the training finds or validates its spec before the fit, "" if it fits the spec directly.
func (in TrainingInput) method() search.Method {
	switch {
	case in.Search != nil:
		return in.Search.Method
	case in.Algorithm == search.Auto:
		return search.AutoMethod
	case in.CVFolds != nil || in.Repeats != nil:
		return search.ValidateMethod
	}
	return ""
}

// crossValidation is how a trial of a resolved input goes.
func (in TrainingInput) crossValidation() (folds, repeats int) {
	if in.Search != nil {
		return *in.Search.Folds, *in.Repeats
	}
	return *in.CVFolds, *in.Repeats
}

// searchParams are the parameters of the MLflow run of a training whose spec is yet to be found, nil when it is given.
func (in TrainingInput) searchParams() map[string]string {
	method := in.method()
	if method == "" {
		return nil
	}
	params := map[string]string{"search.method": string(method)}
	if s := in.Search; s != nil {
		params["search.metric"], params["search.budget"] = string(s.Metric), strconv.Itoa(*s.Budget)
	}
	folds, repeats := in.crossValidation()
	params["cv_folds"], params["repeats"] = strconv.Itoa(folds), strconv.Itoa(repeats)
	return params
}

// strict unmarshals data and rejects fields that into does not have.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// TrainingResult is what a training leaves behind.
type TrainingResult struct {
	Model        string             `json:"model"`
	Version      string             `json:"version"`
	ModelID      string             `json:"model_id"` // models:/iris/3
	RunID        string             `json:"run_id"`   // MLflow's
	ExperimentID string             `json:"experiment_id"`
	Algorithm    model.Algorithm    `json:"algorithm"`
	Dataset      string             `json:"dataset"` // SHA-256 of the bytes
	TrainRows    int                `json:"train_rows"`
	TestRows     int                `json:"test_rows"`
	Metrics      map[string]float64 `json:"metrics"` // on the held-out rows
	Gate         Gate               `json:"gate"`
	Search       *SearchResult      `json:"search,omitempty"` // how the spec was found
}
