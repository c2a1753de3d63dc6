package apiserver

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/serving"
	"iris/model"
)

// decisionParameters are the parameters of a query about the decision between two classes.
func decisionParameters(r *model.DecisionRequest) map[string]queryParameter {
	return map[string]queryParameter{
		"positive_class":   {set: func(v []string) error { r.PositiveClass = v[0]; return nil }},
		"threshold":        {set: func(v []string) (err error) { r.Threshold, err = parseNumber(v[0]); return err }},
		"threshold_metric": {set: func(v []string) error { r.ThresholdMetric = model.ThresholdMetric(v[0]); return nil }},
	}
}

// decisionTargets are the fields of a JSON object about the decision between two classes.
func decisionTargets(r *model.DecisionRequest) map[string]any {
	return map[string]any{
		"positive_class": &r.PositiveClass, "threshold": &r.Threshold, "threshold_metric": &r.ThresholdMetric,
		"costs": &r.Costs,
	}
}

// quoteScalar returns a number, true or false as a string: a class may look like one. Every other value is returned as
// it is.
func quoteScalar(value json.RawMessage) json.RawMessage {
	if strings.ContainsRune(`"[{n`, rune(value[0])) {
		return value
	}
	return slices.Concat([]byte{'"'}, value, []byte{'"'})
}

// decisionQuery describes decisionParameters to OpenAPI.
func decisionQuery() []*huma.Param {
	return []*huma.Param{
		apidoc.Query(
			"positive_class",
			"The class that threshold and threshold_metric are about, if there are two. By default the "+
				"second one.",
			&huma.Schema{Type: huma.TypeString},
		),
		apidoc.Query(
			"threshold",
			"A row is of the positive class from this probability on. By default its label is the most "+
				"probable class.",
			serving.ThresholdSchema(),
		),
		apidoc.Query(
			"threshold_metric",
			"Chooses the threshold on training rows that the fits of a cross-validation hold out. "+
				"`cost` needs costs, which are sent as JSON.",
			&huma.Schema{
				Type: huma.TypeString, Enum: anyOf(model.ThresholdMetrics()),
			},
		),
	}
}

// costsSchema describes the field costs of a JSON object.
func costsSchema() *huma.Schema {
	cost := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeNumber, ExclusiveMinimum: new(0.0), Description: description}
	}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"false_negative", "false_positive"},
		Properties: map[string]*huma.Schema{
			"false_positive": cost("Of a row of the other class that is called positive."),
			"false_negative": cost("Of a row of the positive class that is not called so."),
		},
		Description: "What a wrong label costs, for the threshold_metric cost. Only the ratio matters.",
		Examples:    []any{map[string]any{"false_positive": 1, "false_negative": 5}},
	}
}
