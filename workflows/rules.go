package workflows

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// GateRules is the gate as data: what a version must reach to be promoted, besides being no worse than the champion.
// The metrics are those of the held-out rows.
type GateRules struct {
	Min       map[string]float64 `json:"min,omitempty"`       // metric to what it must reach
	Max       map[string]float64 `json:"max,omitempty"`       // metric to what it must not exceed
	Tolerance float64            `json:"tolerance,omitempty"` // how much lower than the champion's the accuracy may be, 0 to 1; 0 is not at all

	LogLossTolerance *float64 `json:"log_loss_tolerance,omitempty"` // how much higher its log loss may be, 0 to 100; nil is DefaultLogLossTolerance
}

// DefaultLogLossTolerance is how much higher than the champion's a version's log loss may be: at 0.1 it gives the
// actual classes, in the geometric mean, a tenth less probability. An accuracy that is as good hides what goes beyond,
// and on a few
// tens of rows less than that may be chance.
const DefaultLogLossTolerance = 0.1

// mostLogLoss is a tolerance that no log loss exceeds: a probability counts as 1e-15 at least.
const mostLogLoss = 100

// logLossTolerance is the tolerance that holds.
func (r *GateRules) logLossTolerance() float64 {
	if r.LogLossTolerance == nil {
		return DefaultLogLossTolerance
	}
	return *r.LogLossTolerance
}

// UnmarshalJSON refuses fields that are not rules: a misspelt one would open the gate.
func (r *GateRules) UnmarshalJSON(data []byte) error {
	type plain GateRules
	return strict(data, (*plain)(r))
}

// check refuses rules that no version could be measured by. The error is a *model.SpecError.
func (r *GateRules) check() error {
	if r == nil {
		return nil
	}
	known := model.MetricNames()
	for _, bound := range []struct {
		name  string
		rules map[string]float64
	}{{"min", r.Min}, {"max", r.Max}} {
		for _, metric := range workflow.DeterministicKeys(bound.rules) {
			if !slices.Contains(known, metric) {
				return &model.SpecError{
					Pointer: "/gate/" + bound.name + "/" + model.PointerToken(metric),
					Reason:  "is not a metric of a training: want " + strings.Join(known, ", "),
				}
			}
		}
	}
	for _, metric := range workflow.DeterministicKeys(r.Min) {
		if most, both := r.Max[metric]; both && r.Min[metric] > most {
			return &model.SpecError{
				Pointer: "/gate/min/" + metric,
				Reason:  fmt.Sprintf("%v is more than the maximum of %v", r.Min[metric], most),
			}
		}
	}
	if !(r.Tolerance >= 0 && r.Tolerance <= 1) {
		return &model.SpecError{Pointer: "/gate/tolerance", Reason: fmt.Sprintf("%v is not from 0 to 1", r.Tolerance)}
	}
	if v := r.logLossTolerance(); !(v >= 0 && v <= mostLogLoss) {
		return &model.SpecError{
			Pointer: "/gate/log_loss_tolerance",
			Reason:  fmt.Sprintf("%v is not from 0 to %d", v, mostLogLoss),
		}
	}
	return nil
}

// misses says which bounds the metrics of a version miss, in a fixed order.
func (r *GateRules) misses(metrics map[string]float64) []string {
	var missed []string
	for _, metric := range workflow.DeterministicKeys(r.Min) {
		if value, measured := metrics[metric]; !measured || value < r.Min[metric] {
			missed = append(
				missed,
				fmt.Sprintf("%s %s is under the minimum of %v", metric, shown(value, measured), r.Min[metric]),
			)
		}
	}
	for _, metric := range workflow.DeterministicKeys(r.Max) {
		if value, measured := metrics[metric]; !measured || value > r.Max[metric] {
			missed = append(
				missed,
				fmt.Sprintf("%s %s is over the maximum of %v", metric, shown(value, measured), r.Max[metric]),
			)
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

// Limits of the tags of a request. They come with every answer of MLflow that holds the version.
const (
	maxTags     = 20
	maxTagKey   = 100 // bytes
	maxTagValue = 500 // bytes
)

// reservedTags begin the keys that Iris, Temporal or MLflow write themselves.
var reservedTags = []string{"iris.", "mlflow.", "temporal.", "dataset.", "gate", "reason"}

// checkTags refuses tags that MLflow would not take, or that would hide one of ours. The error is a *model.SpecError.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return &model.SpecError{Pointer: "/tags", Reason: fmt.Sprintf("has %d tags, at most %d are kept", len(tags), maxTags)}
	}
	for _, key := range workflow.DeterministicKeys(tags) {
		value, reason := tags[key], ""
		switch {
		case !isTagKey(key):
			reason = fmt.Sprintf("a key has 1 to %d letters, digits and _ . -, and begins with a letter or digit", maxTagKey)
		case slices.ContainsFunc(reservedTags, func(prefix string) bool {
			return key == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix)
		}):
			reason = "the key is reserved"
		case value == "" || len(value) > maxTagValue || !utf8.ValidString(value):
			reason = fmt.Sprintf("a value has 1 to %d bytes of UTF-8", maxTagValue)
		}
		if reason != "" {
			return &model.SpecError{Pointer: "/tags/" + model.PointerToken(key), Reason: reason}
		}
	}
	return nil
}

func isTagKey(key string) bool {
	if key == "" || len(key) > maxTagKey {
		return false
	}
	for i, c := range []byte(key) {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("_.-", rune(c))) {
			return false
		}
	}
	return true
}

// checkFeatures refuses a choice of columns that no file could have; the file itself is asked later. The error is a
// *model.SpecError.
func checkFeatures(names []string) error {
	if names == nil {
		return nil
	}
	if len(names) == 0 {
		return &model.SpecError{Pointer: "/features", Reason: "is empty: name at least one column"}
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		pointer := fmt.Sprintf("/features/%d", i)
		switch {
		case name == "" || !utf8.ValidString(name):
			return &model.SpecError{Pointer: pointer, Reason: "is not the name of a column"}
		case seen[name]:
			return &model.SpecError{Pointer: pointer, Reason: fmt.Sprintf("%q is given twice", clip(name, maxTagKey))}
		}
		seen[name] = true
	}
	return nil
}
