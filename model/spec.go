package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"iris/internal/dataset"
)

// Algorithm is the name of a family of learners in requests, artifacts and MLflow.
type Algorithm string

const (
	// LogisticRegression is multinomial logistic regression on standardised features. It is the default of a Spec.
	LogisticRegression Algorithm = "logistic_regression"
	// DecisionTree is one tree: golearn's CART for up to 5,000 rows, and a tree on binned values for more.
	DecisionTree Algorithm = "decision_tree"
	// GBDT is gradient boosted trees on histograms.
	GBDT Algorithm = "gbdt"
	// RandomForest averages trees that grow on bootstraps of the rows.
	RandomForest Algorithm = "random_forest"
	// GaussianNB is naive Bayes with a normal distribution per feature and class.
	GaussianNB Algorithm = "gaussian_nb"
	// KNN is a vote of the nearest training rows. The model contains all training rows.
	KNN Algorithm = "knn"
	// MLP is a neural network of fully connected layers on standardised features.
	MLP Algorithm = "mlp"
	// Ensemble is the weighted mean of models of other families, with a temperature.
	Ensemble Algorithm = "ensemble"
)

// Spec specifies a training except for its data. The same resolved Spec, rows and binary give the same bytes of Encode.
type Spec struct {
	Algorithm       Algorithm       `json:"algorithm"`                 // "" means LogisticRegression
	Hyperparameters json.RawMessage `json:"hyperparameters,omitempty"` // an object; missing ones have their defaults
	Seed            uint64          `json:"seed"`                      // of every random choice; some learners make none
	ClassWeight     *ClassWeight    `json:"class_weight,omitempty"`    // nil means that all rows have the same weight
}

// Algorithms returns the names of all algorithms, sorted.
func Algorithms() []Algorithm { return slices.Sorted(maps.Keys(families)) }

// Resolve returns s with its algorithm and all of its hyperparameters set. The hyperparameters are in canonical form:
// compact, sorted by name, and with one spelling per number. An error is a *SpecError.
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

// Suits returns a *SpecError if no table with the schema can be trained on as s specifies.
func (s Spec) Suits(schema dataset.Schema) error {
	resolved, err := s.Resolve()
	if err != nil {
		return err
	}
	if check := families[resolved.Algorithm].check; check != nil {
		return check(&schema, resolved)
	}
	return nil
}

// Params returns s as the parameters of an MLflow run: algorithm, seed, class_weight if it is set, and every
// hyperparameter by its name. If s does not resolve, the hyperparameters are missing.
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

// resolve returns s with its algorithm set, and the value of every hyperparameter.
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

// read unmarshals the hyperparameters of a resolved Spec into h.
func (s Spec) read(h any) error {
	if err := json.Unmarshal(s.Hyperparameters, h); err != nil {
		return fmt.Errorf("read hyperparameters: %w", err)
	}
	return nil
}
