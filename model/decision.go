package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"iris/internal/dataset"
)

// Decision says how a model of two classes turns probabilities into a label: a row is of the positive class if its
// probability of that class is at least Threshold. A model without a Decision answers the most probable class.
type Decision struct {
	PositiveClass string          `json:"positive_class"`
	Threshold     float64         `json:"threshold"`        // 0 < threshold < 1
	Metric        ThresholdMetric `json:"metric,omitempty"` // that chose the threshold; "" if it was given
	Costs         *Costs          `json:"costs,omitempty"`  // of CostThreshold
	Value         float64         `json:"value,omitempty"`  // of Metric, on training rows that the fits held out
}

// ThresholdMetric is what a threshold is chosen by.
type ThresholdMetric string

// The metrics that choose a threshold.
const (
	F1Threshold               ThresholdMetric = "f1"                // of the positive class
	BalancedAccuracyThreshold ThresholdMetric = "balanced_accuracy" // mean recall of both classes
	MCCThreshold              ThresholdMetric = "mcc"               // Matthews correlation coefficient
	CostThreshold             ThresholdMetric = "cost"              // mean of Costs over the rows; the lowest wins
)

// ThresholdMetrics returns the metrics that choose a threshold.
func ThresholdMetrics() []ThresholdMetric {
	return []ThresholdMetric{F1Threshold, BalancedAccuracyThreshold, MCCThreshold, CostThreshold}
}

// Costs are what a wrong label costs. Only their ratio matters.
type Costs struct {
	FalsePositive float64 `json:"false_positive"` // a row of the other class that is called positive
	FalseNegative float64 `json:"false_negative"` // a row of the positive class that is not called so
}

// maxCost bounds a cost.
const maxCost = 1e9

// DecisionRequest is what a training says about the decision between two classes. The zero value asks for none.
type DecisionRequest struct {
	PositiveClass   string          `json:"positive_class,omitempty"` // "" is the second class of the schema
	Threshold       *float64        `json:"threshold,omitempty"`
	ThresholdMetric ThresholdMetric `json:"threshold_metric,omitempty"` // chooses the threshold if none is given
	Costs           *Costs          `json:"costs,omitempty"`            // of CostThreshold
}

// defaultThreshold is that of a request with a positive class alone. It calls the most probable class.
const defaultThreshold = 0.5

// Given reports whether r asks for a decision.
func (r DecisionRequest) Given() bool { return r != DecisionRequest{} }

// Check reports what is invalid for any data, as a *SpecError.
func (r DecisionRequest) Check() error {
	if r.Threshold != nil {
		if r.ThresholdMetric != "" {
			return &SpecError{"/threshold_metric", "is given, and threshold as well: give one of them"}
		}
		if err := checkThreshold(*r.Threshold); err != nil {
			return err
		}
	}
	if r.ThresholdMetric != "" && !slices.Contains(ThresholdMetrics(), r.ThresholdMetric) {
		return NewSpecError("/threshold_metric", "%q is not one of: %s",
			clip(string(r.ThresholdMetric)), list(ThresholdMetrics()))
	}
	return checkCosts(r.ThresholdMetric, r.Costs)
}

// checkThreshold returns a *SpecError unless 0 < t < 1.
func checkThreshold(t float64) error {
	if !(t > 0 && t < 1) {
		return NewSpecError("/threshold", "is %v, want a number above 0 and below 1", t)
	}
	return nil
}

// checkCosts returns a *SpecError unless CostThreshold has costs and no other metric has.
func checkCosts(metric ThresholdMetric, c *Costs) error {
	switch {
	case metric == CostThreshold && c == nil:
		return &SpecError{"/costs", `is missing: the metric cost wants {"false_positive":1,"false_negative":5}, for example`}
	case c == nil:
		return nil
	case metric != CostThreshold:
		return &SpecError{"/costs", "is for the threshold_metric cost alone"}
	}
	if err := checkCost("/costs/false_positive", c.FalsePositive); err != nil {
		return err
	}
	return checkCost("/costs/false_negative", c.FalseNegative)
}

func checkCost(pointer string, cost float64) error {
	if !(cost > 0 && cost <= maxCost) {
		return NewSpecError(pointer, "is %v, want a number above 0, up to %v", cost, maxCost)
	}
	return nil
}

// CheckClasses reports, as a *SpecError, that a decision between the classes of s is impossible.
func (r DecisionRequest) CheckClasses(s dataset.Schema) error {
	if !r.Given() {
		return nil
	}
	if len(s.Classes) != 2 {
		return NewSpecError(r.pointer(), "is for two classes, and the data has %d: %s",
			len(s.Classes), dataset.Listed(s.Classes))
	}
	_, err := r.positive(s)
	return err
}

// pointer points to the field that asks for a decision most clearly.
func (r DecisionRequest) pointer() string {
	switch {
	case r.Threshold != nil:
		return "/threshold"
	case r.ThresholdMetric != "":
		return "/threshold_metric"
	}
	return "/positive_class"
}

// positive returns the index of the positive class among two.
func (r DecisionRequest) positive(s dataset.Schema) (int, error) {
	if r.PositiveClass == "" {
		return 1, nil
	}
	class := r.PositiveClass
	if real, ok := s.Aliases[class]; ok {
		class = real
	}
	k := slices.Index(s.Classes, class)
	if k < 0 {
		return 0, NewSpecError("/positive_class", "%q is not a class of the data: %s",
			clip(r.PositiveClass), dataset.Listed(s.Classes))
	}
	return k, nil
}

// decider is a Decision as Predict needs it. The zero value calls the most probable class.
type decider struct {
	*Decision

	positive int // index of the positive class
}

// newDecider checks a decision between the classes of s.
func newDecider(d *Decision, s *dataset.Schema) (decider, error) {
	if d == nil {
		return decider{}, nil
	}
	k := slices.Index(s.Classes, d.PositiveClass)
	if len(s.Classes) != 2 || k < 0 {
		return decider{}, fmt.Errorf("positive class %q of the classes %s",
			clip(d.PositiveClass), dataset.Listed(s.Classes))
	}
	r := DecisionRequest{ThresholdMetric: d.Metric, Costs: d.Costs}
	if err := r.Check(); err != nil {
		return decider{}, err
	}
	if math.IsNaN(d.Value) || math.IsInf(d.Value, 0) {
		return decider{}, fmt.Errorf("value %v", d.Value)
	}
	return decider{d, k}, checkThreshold(d.Threshold)
}

// label returns the index of the class that a row with these probabilities is called.
func (d decider) label(p []float64) int {
	switch {
	case d.Decision == nil:
		return mostProbable(p)
	case p[d.positive] >= d.Threshold:
		return d.positive
	}
	return 1 - d.positive
}

// Decision returns how m decides between its two classes, nil if it answers the most probable class. The caller must
// not change it.
func (m *Model) Decision() *Decision { return m.decision.Decision }

// WithThreshold returns a model with the probabilities of m that decides by another threshold, for the positive class
// of m, or else for its second class. It returns a *SpecError if the threshold is not between 0 and 1, or if m does not
// have two classes.
func (m *Model) WithThreshold(threshold float64) (*Model, error) {
	r := DecisionRequest{Threshold: &threshold}
	if m.decision.Decision != nil {
		r.PositiveClass = m.decision.PositiveClass
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	if len(m.schema.Classes) != 2 {
		return nil, NewSpecError("/threshold", "is for models of two classes, and this one has %d", len(m.schema.Classes))
	}
	return m.decide(r, 0)
}

// decide returns a copy of m that decides by a request with a threshold. The value is that of the metric.
func (m *Model) decide(r DecisionRequest, value float64) (*Model, error) {
	k, err := r.positive(m.schema)
	if err != nil {
		return nil, err
	}
	decided := *m
	decided.decision = decider{&Decision{
		PositiveClass: m.schema.Classes[k], Threshold: *r.Threshold, Metric: r.ThresholdMetric, Costs: r.Costs, Value: value,
	}, k}
	return &decided, nil
}

// Params returns d as parameters of an MLflow run, nil for a nil Decision.
func (d *Decision) Params() map[string]string {
	if d == nil {
		return nil
	}
	params := map[string]string{
		"positive_class": d.PositiveClass, "threshold": strconv.FormatFloat(d.Threshold, 'g', -1, 64),
	}
	if d.Metric != "" {
		params["threshold_metric"] = string(d.Metric)
	}
	if d.Costs != nil {
		params["costs"] = fmt.Sprintf("false_positive %v, false_negative %v", d.Costs.FalsePositive, d.Costs.FalseNegative)
	}
	return params
}
