package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Algorithm names a family of learners in requests, artifacts and MLflow.
type Algorithm string

const (
	// LogisticRegression is multinomial logistic regression on standardised features: what a Spec that names none has.
	LogisticRegression Algorithm = "logistic_regression"
	// DecisionTree is one tree: golearn's CART up to 5,000 rows, above that one grown on binned values.
	DecisionTree Algorithm = "decision_tree"
	// GBDT is gradient boosted trees on histograms.
	GBDT Algorithm = "gbdt"
	// RandomForest averages trees grown on bootstraps of the rows.
	RandomForest Algorithm = "random_forest"
	// GaussianNB is naive Bayes with a normal distribution per feature and class.
	GaussianNB Algorithm = "gaussian_nb"
	// KNN is a vote of the nearest training rows, which the model carries along.
	KNN Algorithm = "knn"
	// MLP is a neural network of fully connected layers on standardised features.
	MLP Algorithm = "mlp"
)

// Spec says what to train: all of it that is not data. A resolved Spec, the same rows and the same binary give the
// same bytes of model.
type Spec struct {
	Algorithm       Algorithm       `json:"algorithm"`                 // "" = LogisticRegression
	Hyperparameters json.RawMessage `json:"hyperparameters,omitempty"` // an object; what it leaves out takes its default
	Seed            uint64          `json:"seed"`                      // of every random choice; a learner that makes none ignores it
	ClassWeight     *ClassWeight    `json:"class_weight,omitempty"`    // nil = every row counts the same
}

// SpecError says what is wrong with a Spec and where: Pointer is an RFC 6901 pointer into its JSON form.
type SpecError struct{ Pointer, Reason string }

// Error implements error.
func (e *SpecError) Error() string { return e.Pointer + ": " + e.Reason }

// Algorithms returns the names that a Spec may carry, sorted.
func Algorithms() []Algorithm { return slices.Sorted(maps.Keys(families)) }

// Resolve returns s with the default algorithm and the default hyperparameters filled in and the hyperparameters in
// canonical form: compact, sorted by name, one spelling per number. Errors are *SpecError.
func (s Spec) Resolve() (Spec, error) {
	resolved, values, err := s.resolve()
	if err != nil {
		return Spec{}, err
	}
	if resolved.Hyperparameters, err = json.Marshal(values); err != nil {
		return Spec{}, fmt.Errorf("encode hyperparameters: %w", err)
	}
	return resolved, nil
}

// Params returns s as flat names and values, as MLflow shows the parameters of a run: algorithm, seed, class_weight if
// there is one, and every hyperparameter, none of which has one of those names then. A Spec that does not resolve has
// no
// hyperparameters there.
func (s Spec) Params() map[string]string {
	resolved, values, err := s.resolve()
	if err != nil {
		resolved = s
	}
	params := map[string]string{"algorithm": string(resolved.Algorithm), "seed": strconv.FormatUint(s.Seed, 10)}
	if s.ClassWeight != nil {
		if b, err := json.Marshal(s.ClassWeight); err == nil {
			params["class_weight"] = string(bytes.Trim(b, `"`))
		}
	}
	for name, value := range values {
		params[name] = fmt.Sprint(value)
	}
	return params
}

// resolve returns s with its algorithm filled in and the value of each of its hyperparameters.
func (s Spec) resolve() (Spec, map[string]any, error) {
	if s.Algorithm == "" {
		s.Algorithm = LogisticRegression
	}
	f, ok := families[s.Algorithm]
	if !ok {
		return s, nil, &SpecError{
			"/algorithm",
			fmt.Sprintf("unknown algorithm %q, want %s", clip(string(s.Algorithm)), list(Algorithms())),
		}
	}
	values, err := f.resolve(s.Hyperparameters)
	if err == nil && s.ClassWeight != nil {
		err = f.weigh(s, values)
	}
	if err != nil {
		return s, nil, err
	}
	return s, values, nil
}
