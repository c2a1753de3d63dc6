package serving

import (
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/internal/champions"
	"iris/internal/dataset"
)

// PredictTemplate is the route of predictions of any model.
const PredictTemplate = "/{model}/predict"

// championOperationID begins the id of the operation of a champion. The id of no other operation begins like this.
const championOperationID = "predict-model-"

// ExampleRow is a row of the model iris.
var ExampleRow = map[string]any{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}

// RowSchema describes a row of any model.
func RowSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "feature: value"}
}

func predictOperation(docs apidoc.Schemas, path, who string) huma.Operation {
	rows := &huma.Schema{
		Type:        huma.TypeArray,
		Items:       RowSchema(),
		MinItems:    new(1),
		MaxItems:    new(MaxRows),
		Description: "rows, each answered in its place",
	}
	answer := docs.Answer("The prediction; a list of them for an array", Prediction{})
	answer.Headers = DescribeGaps()
	media := answer.Content["application/json"]
	media.Schema = &huma.Schema{
		OneOf: []*huma.Schema{media.Schema, {Type: huma.TypeArray, Items: docs.Of(Prediction{})}},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict", path), Method: http.MethodPost, Path: path, Tags: []string{"predict"},
		Summary: "Classify one row, or an array of rows",
		Description: "A row is an object with a value for each feature of the model: a number, or, as the feature has it, " +
			"a string, true or false, or null for a missing value. Other fields are skipped. " +
			who + "; the header `Model-Version` names it. All rows of an array are answered by the same version.",
		Parameters: append(apidoc.PathParameters(path), OnUnseenParameter(), ThresholdParameter()),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{OneOf: []*huma.Schema{RowSchema(), rows}}, Example: ExampleRow,
		}}),
		Responses: map[string]*huma.Response{"200": answer},
	}
}

// ChampionOperation describes the predictions of one champion: an instance of PredictTemplate, whose operation is
// template, with the names of the features and the classes.
func ChampionOperation(served *champions.Served, template *huma.Operation) *huma.Operation {
	name, schema := served.Version.Model, served.Model.Schema()
	row := exampleRow(schema)
	answer := &huma.MediaType{Schema: championAnswer(served), Example: exampleAnswer(served, row)}
	return &huma.Operation{
		OperationID: championOperationID + name,
		Tags:        template.Tags,
		Summary:     "Classify one row with " + name,
		Description: fmt.Sprintf("This is `%s` while version %s is the champion of %s.",
			PredictTemplate, served.Version.Number, name),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{
			"application/json": {Schema: championRow(schema, row), Example: named(schema, row)},
		}),
		Responses: map[string]*huma.Response{
			"200":     {Description: "The prediction", Content: map[string]*huma.MediaType{"application/json": answer}},
			"default": template.Responses["default"],
		},
	}
}

// exampleRow returns a row to try a model with: a flower for features that have its names, the most frequent level of a
// category, and ones for all others.
func exampleRow(schema dataset.Schema) []float64 {
	row := make([]float64, schema.Width())
	for i, feature := range schema.Features {
		switch schema.Column(i).Kind {
		case dataset.Categorical, dataset.Text:
			row[i] = 0
		case dataset.Datetime:
			row[i] = exampleDay
		default:
			row[i] = 1
			if v, known := ExampleRow[feature].(float64); known {
				row[i] = v
			}
		}
	}
	return row
}

// An example of a date, and its value.
const (
	exampleDate = "2026-01-31"
	exampleDay  = 20484
)

// named returns an example as JSON has it.
func named(schema dataset.Schema, row []float64) map[string]any {
	values := make(map[string]any, len(schema.Features))
	for i, feature := range schema.Features {
		values[feature] = exampleValue(schema.Column(i), row[i])
	}
	return values
}

func exampleValue(c dataset.Column, v float64) any {
	switch c.Kind {
	case dataset.Boolean:
		return v == 1
	case dataset.Datetime:
		return exampleDate
	case dataset.Text:
		return ""
	case dataset.Categorical:
		if len(c.Levels) == 0 {
			return ""
		}
		return c.Levels[int(v)]
	}
	return v
}

// exampleAnswer returns what the champion answers for the example, nil if it cannot compute with it.
func exampleAnswer(served *champions.Served, row []float64) any {
	p, probabilities := newPredictor(served, nil, dataset.UnseenOther), make([]float64, len(served.Model.Schema().Classes))
	best, ok := p.classify(row, probabilities)
	if !ok {
		return nil
	}
	return p.answer(best, probabilities)
}

// championRow describes a row of the features. A feature is required unless its values may be missing.
func championRow(schema dataset.Schema, example []float64) *huma.Schema {
	features := make(map[string]*huma.Schema, len(schema.Features))
	var required []string
	for i, feature := range schema.Features {
		column := schema.Column(i)
		features[feature] = describeFeature(column, exampleValue(column, example[i]))
		if !column.Missing {
			required = append(required, feature)
		}
	}
	return &huma.Schema{Type: huma.TypeObject, Required: required, Properties: features, AdditionalProperties: true}
}

// describeFeature describes the values of a feature.
func describeFeature(c dataset.Column, example any) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeNumber, Examples: []any{example}, Nullable: c.Missing}
	switch c.Kind {
	case dataset.Boolean:
		s.Type = huma.TypeBoolean
	case dataset.Datetime:
		s.Type = huma.TypeString
		s.Description = "a date, with or without a time"
	case dataset.Text:
		s.Type = huma.TypeString
		s.Description = "any text: its words and parts of them count"
	case dataset.Categorical:
		const shown = 10
		s.Type, s.Examples = huma.TypeString, nil
		for _, level := range c.Levels[:min(len(c.Levels), shown)] {
			s.Examples = append(s.Examples, level)
		}
		s.Description = fmt.Sprintf("one of %d texts of the training data; any other counts as a rare one", len(c.Levels))
	}
	return s
}

// OnUnseenParameter describes the parameter of a prediction.
func OnUnseenParameter() *huma.Param {
	return &huma.Param{
		Name: OnUnseenName, In: "query",
		Description: "What becomes of a text that training did not see in its column: `other` counts it as a rare one, " +
			"`error` refuses the request.",
		Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"other", "error"}, Default: "other"},
	}
}

// ThresholdParameter describes the parameter of a prediction.
func ThresholdParameter() *huma.Param {
	return &huma.Param{
		Name: ThresholdName, In: "query",
		Description: "The probability from which on a row is of the positive class, for a model of two classes. By default " +
			"the decision of the version.",
		Schema: ThresholdSchema(),
	}
}

// ThresholdSchema describes a threshold.
func ThresholdSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, ExclusiveMinimum: new(0.0), ExclusiveMaximum: new(1.0)}
}

// DescribeGaps describes the headers of answers to rows with gaps.
func DescribeGaps() map[string]*huma.Param {
	count := func(what string) *huma.Param {
		return &huma.Param{Description: what + " Absent if there are none.", Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return map[string]*huma.Param{
		UnseenHeader:  count("Texts in the rows that training did not see in their column."),
		MissingHeader: count("Missing values in the rows."),
	}
}

// championAnswer describes a Prediction with the classes and the version of a champion.
func championAnswer(served *champions.Served) *huma.Schema {
	answer := huma.SchemaFromType(
		huma.NewMapRegistry("", huma.DefaultSchemaNamer), reflect.TypeFor[Prediction]())
	answer.AdditionalProperties = nil
	classes := served.Model.Schema().Classes
	number := &huma.Schema{Type: huma.TypeNumber, Minimum: new(0.0), Maximum: new(1.0)}

	logits := answer.Properties["logits"]
	logits.MinItems, logits.MaxItems = new(1), new(1)
	logits.Items = &huma.Schema{
		Type: huma.TypeArray, Items: number, MinItems: new(len(classes)), MaxItems: new(len(classes)),
	}
	probabilities := answer.Properties["probabilities"]
	probabilities.AdditionalProperties = nil
	probabilities.Required, probabilities.Properties = classes, make(map[string]*huma.Schema, len(classes))
	for _, class := range classes {
		probabilities.Properties[class] = number
	}
	for name, words := range map[string][]string{
		"label": classes, "specie": classes,
		"model_version": {served.Version.Number}, "model_id": {served.Version.URI()},
	} {
		property := answer.Properties[name]
		property.Examples, property.Enum = nil, nil
		for _, word := range words {
			property.Enum = append(property.Enum, word)
		}
	}
	if served.Version.Model == dataset.IrisModel {
		answer.Required = append([]string{"specie"}, answer.Required...)
	} else {
		delete(answer.Properties, "specie")
	}
	return answer
}
