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

// ClassWeight says what a row of each class counts in training, to every learner that can weigh. In JSON it is the word
// balanced, or an object of weights by class.
type ClassWeight struct {
	Balanced bool               // every class counts the same, however few its rows
	Of       map[string]float64 // what a row counts, by class or by an alias of one; a class that is left out counts 1
}

// Bounds of a weight. The learners use it in relation to the others; beyond a million times, a class of the lesser ones
// would be lost in the rounding of some of them.
const (
	minClassWeight  = 0.001
	mostClassWeight = 1000
)

// MarshalJSON is the word or the object.
func (w ClassWeight) MarshalJSON() ([]byte, error) {
	if w.Balanced {
		return []byte(`"balanced"`), nil
	}
	return json.Marshal(w.Of)
}

// UnmarshalJSON reads the word or the object.
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

// Check refuses weights of classes that the data does not have. The error is a *SpecError; no weights fit all data.
func (w *ClassWeight) Check(s dataset.Schema) error {
	if w == nil {
		return nil
	}
	_, err := w.places(s)
	return err
}

// places returns the class of each weight.
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
			return nil, &SpecError{weightPointer(name), fmt.Sprintf("is the class of %q as well", clip(other))}
		}
		places[name], label[k] = k, name
	}
	return places, nil
}

// labels lists what weights were given for, sorted.
func (w *ClassWeight) labels() []string { return slices.Sorted(maps.Keys(w.Of)) }

func weightPointer(label string) string { return "/class_weight/" + escapePointer(clip(label)) }

// check refuses what no data could make sense of.
func (w *ClassWeight) check() error {
	if !w.Balanced && len(w.Of) == 0 {
		return &SpecError{"/class_weight", "is empty: want balanced, or a weight for at least one class"}
	}
	for _, label := range w.labels() {
		if v := w.Of[label]; !(v >= minClassWeight && v <= mostClassWeight) {
			return &SpecError{weightPointer(label), fmt.Sprintf("want a number from %v to %v", minClassWeight, mostClassWeight)}
		}
	}
	return nil
}

// classWeight is the hyperparameter that the learners of trees share, which a search can try both values of: balanced
// is
// ClassWeight's.
var classWeight = choice("class_weight", "none", "none", "balanced").
	means("With balanced every class counts the same in training, however few its rows; with none every row does. Not beside the class_weight of the request.")

// anyWeights is the weighs of a family that takes weights whatever its hyperparameters.
func anyWeights(map[string]any) string { return "" }

// weigh checks the class weights of s against the hyperparameters, by name. What they say of weights is dropped from
// values: it is said once.
func (f family) weigh(s Spec, values map[string]any) error {
	if err := s.ClassWeight.check(); err != nil {
		return err
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

// weights returns what a row of each class of t counts, on average over the rows 1. balanced is what the hyperparameter
// of
// those learners says that have one.
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

// classWeights returns what a row of each class counts: 1, or, when balanced, rows/(classes that occur · rows of the
// class), scikit-learn's formula, so that all rows together count as many as they are. A class without rows has 1.
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
