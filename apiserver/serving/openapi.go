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
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "feature: number"}
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
	media := answer.Content["application/json"]
	media.Schema = &huma.Schema{
		OneOf: []*huma.Schema{media.Schema, {Type: huma.TypeArray, Items: docs.Of(Prediction{})}},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict", path), Method: http.MethodPost, Path: path, Tags: []string{"predict"},
		Summary: "Classify one row, or an array of rows",
		Description: "A row is an object with a number for each feature of the model; other fields are skipped. " +
			who + "; the header `Model-Version` names it. All rows of an array are answered by the same version.",
		Parameters: apidoc.PathParameters(path),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{OneOf: []*huma.Schema{RowSchema(), rows}}, Example: ExampleRow,
		}}),
		Responses: map[string]*huma.Response{"200": answer},
	}
}

// ChampionOperation describes the predictions of one champion: an instance of PredictTemplate, whose operation is
// template, with the names of the features and the classes.
func ChampionOperation(served *champions.Served, template *huma.Operation) *huma.Operation {
	name, row := served.Version.Model, exampleRow(served.Model.Schema().Features)
	answer := &huma.MediaType{Schema: championAnswer(served), Example: exampleAnswer(served, row)}
	return &huma.Operation{
		OperationID: championOperationID + name,
		Tags:        template.Tags,
		Summary:     "Classify one row with " + name,
		Description: fmt.Sprintf("This is `%s` while version %s is the champion of %s.",
			PredictTemplate, served.Version.Number, name),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{
			"application/json": {Schema: championRow(served.Model.Schema(), row), Example: named(served, row)},
		}),
		Responses: map[string]*huma.Response{
			"200":     {Description: "The prediction", Content: map[string]*huma.MediaType{"application/json": answer}},
			"default": template.Responses["default"],
		},
	}
}

// exampleRow returns a row to try a model with: a flower for features that have its names, and ones for all others.
func exampleRow(features []string) []float64 {
	row := make([]float64, len(features))
	for i, feature := range features {
		row[i] = 1
		if v, known := ExampleRow[feature].(float64); known {
			row[i] = v
		}
	}
	return row
}

func named(served *champions.Served, row []float64) map[string]float64 {
	values := make(map[string]float64, len(row))
	for i, feature := range served.Model.Schema().Features {
		values[feature] = row[i]
	}
	return values
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

// championRow describes a row of the features. Every feature is required.
func championRow(schema dataset.Schema, example []float64) *huma.Schema {
	features := make(map[string]*huma.Schema, len(schema.Features))
	for i, feature := range schema.Features {
		features[feature] = &huma.Schema{Type: huma.TypeNumber, Examples: []any{example[i]}}
	}
	return &huma.Schema{Type: huma.TypeObject, Required: schema.Features, Properties: features, AdditionalProperties: true}
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
