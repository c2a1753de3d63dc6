package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// GateRules are what a version must satisfy to be promoted, besides being no worse than the champion. Min and Max are
// about the metrics on the held-out rows.
type GateRules struct {
	Min map[string]float64 `json:"min,omitempty"` // lower bounds, by metric
	Max map[string]float64 `json:"max,omitempty"` // upper bounds, by metric
	// Tolerance is how much lower than the champion's the accuracy may be, 0 to 1.
	Tolerance float64 `json:"tolerance,omitempty"`
	// LogLossTolerance is how much higher than the champion's the log loss may be, 0 to 100; nil is
	// DefaultLogLossTolerance.
	LogLossTolerance *float64 `json:"log_loss_tolerance,omitempty"`
}

// DefaultLogLossTolerance is how much higher than the champion's the log loss of a version may be. At 0.1 the version
// gives the actual classes, in the geometric mean, a tenth less probability. An equal accuracy hides a larger loss. A
// smaller difference may be chance on a few tens of rows.
const DefaultLogLossTolerance = 0.1

// maxLogLossTolerance is larger than any log loss: a probability counts as at least 1e-15.
const maxLogLossTolerance = 100

func (r *GateRules) logLossTolerance() float64 {
	if r.LogLossTolerance == nil {
		return DefaultLogLossTolerance
	}
	return *r.LogLossTolerance
}

// UnmarshalJSON rejects unknown fields: a misspelt rule would open the gate.
func (r *GateRules) UnmarshalJSON(data []byte) error {
	type plain GateRules
	return strict(data, (*plain)(r))
}

// check rejects rules that no version can be measured by. The error is a *model.SpecError.
func (r *GateRules) check() error {
	if r == nil {
		return nil
	}
	known := model.MetricNames()
	for _, bounds := range []struct {
		name  string
		rules map[string]float64
	}{{"min", r.Min}, {"max", r.Max}} {
		for _, metric := range workflow.DeterministicKeys(bounds.rules) {
			if !slices.Contains(known, metric) {
				return model.NewSpecError(
					"/gate/"+bounds.name+"/"+model.PointerToken(metric),
					"is not a metric of a training: want %s", strings.Join(known, ", "),
				)
			}
		}
	}
	for _, metric := range workflow.DeterministicKeys(r.Min) {
		if limit, both := r.Max[metric]; both && r.Min[metric] > limit {
			return model.NewSpecError("/gate/min/"+metric, "%v is more than the maximum of %v", r.Min[metric], limit)
		}
	}
	if !(r.Tolerance >= 0 && r.Tolerance <= 1) {
		return model.NewSpecError("/gate/tolerance", "%v is not from 0 to 1", r.Tolerance)
	}
	if v := r.logLossTolerance(); !(v >= 0 && v <= maxLogLossTolerance) {
		return model.NewSpecError("/gate/log_loss_tolerance", "%v is not from 0 to %d", v, maxLogLossTolerance)
	}
	return nil
}

// misses lists the bounds that the metrics of a version miss, in a fixed order.
func (r *GateRules) misses(metrics map[string]float64) []string {
	var missed []string
	for _, metric := range workflow.DeterministicKeys(r.Min) {
		if value, measured := metrics[metric]; !measured || value < r.Min[metric] {
			missed = append(missed,
				fmt.Sprintf("%s %s is under the minimum of %v", metric, shown(value, measured), r.Min[metric]))
		}
	}
	for _, metric := range workflow.DeterministicKeys(r.Max) {
		if value, measured := metrics[metric]; !measured || value > r.Max[metric] {
			missed = append(missed,
				fmt.Sprintf("%s %s is over the maximum of %v", metric, shown(value, measured), r.Max[metric]))
		}
	}
	return missed
}

func shown(value float64, measured bool) string {
	if !measured {
		return "(not measured)"
	}
	return fmt.Sprintf("%.4f", value)
}
