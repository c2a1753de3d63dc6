package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"iris/internal/dataset"
)

// ClassWeight is the weight of a training row of each class. In JSON it is the word balanced or an object of a number
// per class. The learners scale the weights to a mean of 1 over the training rows.
type ClassWeight struct {
	Balanced bool               // all classes have the same total weight, however few rows they have
	Of       map[string]float64 // weight by class or by an alias of one; other classes have the weight 1
}

// Bounds of a weight in a Spec. Only the ratio of the weights matters. Beyond a ratio of a million, some learners would
// lose a light class in rounding.
const (
	minClassWeight = 0.001
	maxClassWeight = 1000
)

// maxScaledWeight bounds a weight in an artifact. A balanced one is above 1/classes and below the number of rows.
const maxScaledWeight = 1e15

// MarshalJSON implements json.Marshaler.
func (w ClassWeight) MarshalJSON() ([]byte, error) {
	if w.Balanced {
		return []byte(`"balanced"`), nil
	}
	return json.Marshal(w.Of)
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *ClassWeight) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		*w = ClassWeight{}
		return json.Unmarshal(data, &w.Of)
	}
	var word string
	if err := json.Unmarshal(data, &word); err != nil || word != "balanced" {
		return errors.New("want balanced, or an object of a weight per class")
	}
	*w = ClassWeight{Balanced: true}
	return nil
}

// Check reports a weight of a class that is not in s, and two weights of the same class, as a *SpecError. A nil
// ClassWeight is always valid.
func (w *ClassWeight) Check(s dataset.Schema) error {
	if w == nil {
		return nil
	}
	_, err := w.places(s)
	return err
}

// places returns the index of the class of each weight.
func (w *ClassWeight) places(s dataset.Schema) (map[string]int, error) {
	places := make(map[string]int, len(w.Of))
	label := make(map[int]string, len(w.Of))
	for _, name := range w.labels() {
		class := name
		if real, ok := s.Aliases[name]; ok {
			class = real
		}
		k, ok := slices.BinarySearch(s.Classes, class)
		if !ok {
			return nil, &SpecError{weightPointer(name), "is not a class of the data"}
		}
		if other, twice := label[k]; twice {
			return nil, &SpecError{weightPointer(name), fmt.Sprintf("is the same class as %q", clip(other))}
		}
		places[name], label[k] = k, name
	}
	return places, nil
}

// labels returns the keys of Of, sorted.
func (w *ClassWeight) labels() []string { return slices.Sorted(maps.Keys(w.Of)) }

func weightPointer(label string) string { return "/class_weight/" + PointerToken(label) }

// check reports what is invalid for any data.
func (w *ClassWeight) check() error {
	if !w.Balanced && len(w.Of) == 0 {
		return &SpecError{"/class_weight", "is empty: want balanced, or a weight for at least one class"}
	}
	for _, label := range w.labels() {
		if v := w.Of[label]; !(v >= minClassWeight && v <= maxClassWeight) {
			return &SpecError{weightPointer(label), fmt.Sprintf("want a number from %v to %v", minClassWeight, maxClassWeight)}
		}
	}
	return nil
}

// classWeight is a hyperparameter of the tree learners, so that a search can try both of its values. Its balanced means
// the same as that of ClassWeight.
var classWeight = choice("class_weight", "none", "none", "balanced").
	means("With balanced, every class counts the same in training, however few its rows. With none, every row does. " +
		"It excludes the class_weight of the request.")

// anyWeights is the weighs of a family that accepts weights with any hyperparameters.
func anyWeights(map[string]any) string { return "" }

// weigh checks the class weights of s against the values of its hyperparameters. It deletes the hyperparameter
// class_weight from values, because the weights of s replace it.
func (f family) weigh(s Spec, values map[string]any) error {
	if err := s.ClassWeight.check(); err != nil {
		return err
	}
	if f.weighMembers != nil {
		return f.weighMembers(s, values)
	}
	if f.weighs == nil {
		return &SpecError{"/class_weight", string(s.Algorithm) + " cannot weigh classes"}
	}
	if reason := f.weighs(values); reason != "" {
		return &SpecError{"/class_weight", reason}
	}
	given, err := members(s.Hyperparameters)
	if err != nil {
		return &SpecError{"/hyperparameters", err.Error()}
	}
	if slices.ContainsFunc(given, func(m member) bool { return m.name == classWeight.name }) {
		return &SpecError{"/class_weight", "is given, and as a hyperparameter as well: give one of them"}
	}
	delete(values, classWeight.name)
	return nil
}

// weights returns the weight of a row of each class of t. Their mean over the rows of t is 1. balanced is the value of
// the hyperparameter class_weight.
func (s Spec) weights(t *dataset.Table, balanced bool) ([]float64, error) {
	if s.ClassWeight == nil || s.ClassWeight.Balanced {
		return classWeights(t, balanced || s.ClassWeight != nil), nil
	}
	places, err := s.ClassWeight.places(t.Schema)
	if err != nil {
		return nil, err
	}
	weights := classWeights(t, false)
	for label, k := range places {
		weights[k] = s.ClassWeight.Of[label]
	}
	sum := 0.0
	for _, y := range t.Y {
		sum += weights[y]
	}
	for k := range weights {
		weights[k] *= float64(len(t.Y)) / sum
	}
	return weights, nil
}

// classWeights returns the weight of a row of each class: 1, or, if balanced, rows/(present classes · rows of the
// class). That is the formula of scikit-learn, and the weights of all rows add up to the number of rows. A class
// without rows has the weight 1.
func classWeights(t *dataset.Table, balanced bool) []float64 {
	weights, rows := make([]float64, len(t.Schema.Classes)), make([]int, len(t.Schema.Classes))
	present := 0
	for _, y := range t.Y {
		if rows[y]++; rows[y] == 1 {
			present++
		}
	}
	for k, n := range rows {
		weights[k] = 1
		if balanced && n > 0 {
			weights[k] = float64(len(t.Y)) / (float64(present) * float64(n))
		}
	}
	return weights
}

// checkClassWeights checks the weights of an artifact.
func checkClassWeights(weights []float64, classes int) error {
	if len(weights) != classes {
		return fmt.Errorf("%d class weights for %d classes", len(weights), classes)
	}
	for k, w := range weights {
		if !(w >= 1/maxScaledWeight && w <= maxScaledWeight) {
			return fmt.Errorf("class %d: weight %v", k, w)
		}
	}
	return nil
}
