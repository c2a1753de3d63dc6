package workflows

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"iris/activities"
	"iris/internal/objstore"
	"iris/internal/partition"
	"iris/internal/search"
	"iris/internal/tablefile"
	"iris/model"
)

// DefaultAlgorithm is what a training fits if its request names no algorithm.
const DefaultAlgorithm = search.Auto

// Defaults of a training.
const (
	DefaultTestSize = 0.25
	DefaultSeed     = 42
)

// TrainingInput is the input of Training, from the REST API or the temporal CLI. Unknown fields are rejected, so that a
// misspelt field is not silently ignored.
type TrainingInput struct {
	Model string `json:"model"`
	// DatasetURI is the object with the CSV, s3://bucket/key; "" is the bundled iris data. In JSON it may also be called
	// dataset_uri. The name dataset is older, and workers of any version read it.
	DatasetURI      string          `json:"dataset,omitempty"`
	Algorithm       model.Algorithm `json:"algorithm,omitempty"`       // "" is DefaultAlgorithm
	Hyperparameters json.RawMessage `json:"hyperparameters,omitempty"` // of the algorithm; absent ones take their defaults
	TestSize        *float64        `json:"test_size,omitempty"`       // share of rows held out, 0 < test_size < 1; default 0.25
	Seed            *uint64         `json:"seed,omitempty"`            // default 42
	// LabelColumn defaults to the label column of the model, or for a new model to the last column.
	LabelColumn       string `json:"label_column,omitempty"`
	AllowSchemaChange bool   `json:"allow_schema_change,omitempty"`

	CellRules
	tablefile.Reading // how the file is written, as far as it cannot be found

	Features    []string           `json:"features,omitempty"`     // columns to train on, in order; nil is all but the label
	ClassWeight *model.ClassWeight `json:"class_weight,omitempty"` // weight of a row, by class; nil weighs all rows equally

	model.DecisionRequest // between two classes

	Search *search.Request `json:"search,omitempty"` // for the best hyperparameters
	// CVFolds is the number of folds of a trial, 2 to 20, default 5. Without a search, it asks for a cross-validation of
	// the spec before the fit.
	CVFolds       *int `json:"cv_folds,omitempty"`
	Repeats       *int `json:"repeats,omitempty"` // of a trial, each with other folds, 1 to 10, default 1
	search.Limits      // of the trials

	Promote PromotePolicy `json:"promote,omitempty"` // "" is auto
	Gate    *GateRules    `json:"gate,omitempty"`    // nil only compares with the champion

	Tags map[string]string `json:"tags,omitempty"` // of the run and the version in MLflow
}

// UnmarshalJSON rejects unknown fields.
func (in *TrainingInput) UnmarshalJSON(data []byte) error {
	type plain TrainingInput
	aliased := struct {
		*plain
		URI string `json:"dataset_uri"`
	}{plain: (*plain)(in)}
	if err := strict(data, &aliased); err != nil {
		return err
	}
	if aliased.URI != "" && in.DatasetURI != "" && aliased.URI != in.DatasetURI {
		return errors.New("dataset_uri and dataset are two names of one field: give only one of them")
	}
	in.DatasetURI = cmp.Or(aliased.URI, in.DatasetURI)
	return nil
}

// strict unmarshals data and rejects fields that into does not have.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Resolve checks the input and fills in the defaults. The error is a *model.SpecError that points to the field.
func (in TrainingInput) Resolve() (TrainingInput, model.Spec, error) {
	if err := model.CheckName(in.Model); err != nil {
		return in, model.Spec{}, &model.SpecError{Pointer: "/model", Reason: err.Error()}
	}
	if in.TestSize == nil {
		in.TestSize = new(DefaultTestSize)
	}
	if err := partition.CheckTestSize(*in.TestSize); err != nil {
		return in, model.Spec{}, &model.SpecError{Pointer: "/test_size", Reason: err.Error()}
	}
	if in.Seed == nil {
		in.Seed = new(uint64(DefaultSeed))
	}
	if in.DatasetURI != "" {
		if _, err := objstore.ParseURI(in.DatasetURI); err != nil {
			return in, model.Spec{}, &model.SpecError{Pointer: "/dataset", Reason: err.Error()}
		}
	}
	var wrong *tablefile.OptionError
	if errors.As(in.Reading.Check(), &wrong) {
		return in, model.Spec{}, &model.SpecError{Pointer: "/" + wrong.Option, Reason: wrong.Reason}
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
	if err := in.checkCellRules(); err != nil {
		return in, model.Spec{}, err
	}
	if err := in.DecisionRequest.Check(); err != nil {
		return in, model.Spec{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return in, model.Spec{}, err
	}
	in.Algorithm = cmp.Or(in.Algorithm, DefaultAlgorithm)
	if in.Algorithm == search.Auto {
		return in.resolveAuto()
	}
	return in.resolveSpec()
}

// checkFeatures rejects names that no file can have as columns. Whether the file has them is checked later. The error
// is a *model.SpecError.
func checkFeatures(names []string) error {
	if names == nil {
		return nil
	}
	if len(names) == 0 {
		return model.NewSpecError("/features", "is empty: name at least one column")
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		pointer := fmt.Sprintf("/features/%d", i)
		switch {
		case name == "" || !utf8.ValidString(name):
			return model.NewSpecError(pointer, "is not the name of a column")
		case seen[name]:
			const limit = 100
			return model.NewSpecError(pointer, "%q is given twice", clip(name, limit))
		}
		seen[name] = true
	}
	return nil
}

// resolveSpec resolves the spec of a training that names its algorithm.
func (in TrainingInput) resolveSpec() (TrainingInput, model.Spec, error) {
	spec, err := model.Spec{
		Algorithm:       in.Algorithm,
		Hyperparameters: in.Hyperparameters,
		Seed:            *in.Seed,
		ClassWeight:     in.ClassWeight,
	}.Resolve()
	in.Algorithm = spec.Algorithm
	if in.Search == nil { // a search keeps what was given: a preset that it tries sets the others
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
	if _, err := (model.Spec{ClassWeight: in.ClassWeight}).Resolve(); err != nil { // the default family supports weights
		return in, spec, err
	}
	in.Hyperparameters = nil
	in, err := in.resolveTrials(spec)
	return in, spec, err
}

// resolveTrials checks how a training tries specs and fills in the defaults, if it tries any.
func (in TrainingInput) resolveTrials(spec model.Spec) (_ TrainingInput, err error) {
	if err := in.Limits.Check(in.method()); err != nil {
		return in, err
	}
	if in.Search == nil && in.method() == "" {
		return in, nil
	}
	if in.CVFolds, in.Repeats, err = search.ResolveValidation(in.CVFolds, in.Repeats); err != nil {
		return in, err
	}
	if in.Search == nil {
		return in, nil
	}
	if in.Search, err = in.Search.Resolve(spec, *in.CVFolds); err != nil {
		return in, err
	}
	in.Search, err = in.Search.Within(in.MaxTrials)
	return in, err
}

// LeavesOutIDs reports whether the training leaves out columns that look like identifiers.
func (in TrainingInput) LeavesOutIDs() bool { return in.Algorithm == search.Auto }

// CrossValidates reports whether the training cross-validates specs, to choose one or to choose a threshold.
func (in TrainingInput) CrossValidates() bool { return in.method() != "" || in.ThresholdMetric != "" }

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

// metric returns what the training compares trials by. The input must be resolved.
func (in TrainingInput) metric() search.Metric {
	if in.Search != nil {
		return in.Search.Metric
	}
	return search.LogLoss
}

// crossValidation returns the folds and repeats of a trial. The input must be resolved.
func (in TrainingInput) crossValidation() (folds, repeats int) {
	if in.Search != nil {
		return *in.Search.Folds, *in.Repeats
	}
	return *in.CVFolds, *in.Repeats
}

// decide returns how to find the decision of the model, nil for none. The folds are those of the trials. The input must
// be resolved.
func (in TrainingInput) decide() *activities.Decide {
	if !in.DecisionRequest.Given() {
		return nil
	}
	folds := search.DefaultCVFolds
	if in.method() != "" {
		folds, _ = in.crossValidation()
	}
	return &activities.Decide{
		Request: in.DecisionRequest, CV: model.CrossValidation{Folds: folds, Repeats: 1, Seed: *in.Seed},
	}
}

// searchParams returns the parameters of the MLflow run of a training that tries specs, nil for one that does not.
func (in TrainingInput) searchParams() map[string]string {
	method := in.method()
	if method == "" {
		return nil
	}
	params := map[string]string{"search.method": string(method)}
	if s := in.Search; s != nil {
		params["search.metric"], params["search.budget"] = string(s.Metric), strconv.Itoa(*s.Budget)
	}
	if in.MaxTrials != nil {
		params["search.max_trials"] = strconv.Itoa(*in.MaxTrials)
	}
	if in.MaxRuntimeSeconds != nil {
		params["search.max_runtime_seconds"] = strconv.Itoa(*in.MaxRuntimeSeconds)
	}
	folds, repeats := in.crossValidation()
	params["cv_folds"], params["repeats"] = strconv.Itoa(folds), strconv.Itoa(repeats)
	return params
}
