package apiserver

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/internal/search"
	"iris/model"
)

// Algorithm is an algorithm as GET /algorithms lists it.
type Algorithm struct {
	Algorithm       model.Algorithm       `json:"algorithm" example:"logistic_regression"`
	Summary         string                `json:"summary" doc:"What it is, in a sentence."`
	Hyperparameters HyperparametersSchema `json:"hyperparameters" doc:"JSON Schema of the field hyperparameters of a training."`
}

// HyperparametersSchema is a JSON Schema in an answer.
type HyperparametersSchema struct{ schema *huma.Schema }

// MarshalJSON returns the schema with the name of its dialect.
func (h HyperparametersSchema) MarshalJSON() ([]byte, error) {
	named := *h.schema
	named.Extensions = map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema"}
	return json.Marshal(&named)
}

// Schema describes the schema to OpenAPI as any object. The description of a training has the schemas themselves.
func (HyperparametersSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A JSON Schema, draft 2020-12."}
}

type algorithmsOutput struct {
	Body struct {
		Algorithms []Algorithm `json:"algorithms" nullable:"false"`
	}
}

func listAlgorithmsOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-algorithms",
		Method:      http.MethodGet,
		Path:        path,
		Tags:        []string{"train"},
		Summary:     "List algorithms",
		Description: "Every algorithm has a JSON Schema of its hyperparameters, with types, defaults, ranges and " +
			"descriptions.",
	}
}

func listAlgorithms(context.Context, *struct{}) (*algorithmsOutput, error) {
	out := new(algorithmsOutput)
	auto := model.Description{Algorithm: search.Auto, Summary: search.AutoSummary}
	for _, d := range append(descriptions(), auto) {
		out.Body.Algorithms = append(out.Body.Algorithms, Algorithm{
			Algorithm: d.Algorithm, Summary: d.Summary, Hyperparameters: HyperparametersSchema{hyperparameters(d)},
		})
	}
	return out, nil
}

// descriptions returns the description of every algorithm.
func descriptions() []model.Description {
	algorithms := model.Algorithms()
	list := make([]model.Description, len(algorithms))
	for i, a := range algorithms {
		list[i], _ = model.Describe(a)
	}
	return list
}

// hyperparameters returns the JSON Schema of the hyperparameters of an algorithm.
func hyperparameters(d model.Description) *huma.Schema {
	schema := fieldsSchema(d.Parameters)
	schema.Title, schema.Description = string(d.Algorithm), d.Summary
	return schema
}

// fieldsSchema returns the JSON Schema of an object. A field without a default is required.
func fieldsSchema(fields []model.Parameter) *huma.Schema {
	schema := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{},
	}
	for _, p := range fields {
		property := domainSchema(p.Domain)
		property.Description, property.Default = p.About, p.Default
		schema.Properties[p.Name] = property
		if p.Default == nil {
			schema.Required = append(schema.Required, p.Name)
		}
	}
	return schema
}

// domainSchema returns the JSON Schema of the values of a hyperparameter, or of its elements.
func domainSchema(d model.Domain) *huma.Schema {
	schema := &huma.Schema{Type: d.Type}
	if d.Auto {
		d.Auto = false
		word := &huma.Schema{Type: huma.TypeString, Enum: []any{"auto"}}
		return &huma.Schema{AnyOf: []*huma.Schema{domainSchema(d), word}}
	}
	switch {
	case d.Fields != nil:
		return fieldsSchema(d.Fields)
	case d.Type == huma.TypeObject && d.Items == nil:
		schema.AdditionalProperties = true
	case d.Type == huma.TypeObject:
		schema.AdditionalProperties = domainSchema(*d.Items)
	case d.Items != nil:
		schema.Items, schema.MaxItems = domainSchema(*d.Items), new(d.Longest)
		if d.Shortest > 0 {
			schema.MinItems = new(d.Shortest)
		}
	case len(d.Words) > 0:
		schema.Enum = anyOf(d.Words)
	case d.Type == huma.TypeString:
	case len(d.Extra) == 0:
		schema.Minimum, schema.Maximum = new(d.Low), new(d.High)
	default:
		extra := &huma.Schema{Type: d.Type}
		for _, e := range d.Extra {
			extra.Enum = append(extra.Enum, float64(e)) // as encoding/json decodes a number
		}
		schema.AnyOf = []*huma.Schema{{Type: d.Type, Minimum: new(d.Low), Maximum: new(d.High)}, extra}
	}
	return schema
}

// searchSchema describes the field search of a training.
func searchSchema() *huma.Schema {
	words := func(list []any) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Enum: list} }
	method, metric := words(anyOf(search.Methods())), words(anyOf(search.Metrics()))
	metric.Default = search.LogLoss
	number := &huma.Schema{Type: huma.TypeNumber}
	dimension := &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeArray, MinItems: new(1), Items: &huma.Schema{}, Description: "Values to choose from."},
		{
			Type:                 huma.TypeObject,
			AdditionalProperties: false,
			Required:             []string{"min", "max"},
			Description:          "A range of numbers. Not for a grid.",
			Properties: map[string]*huma.Schema{
				"min": number, "max": number,
				"log":     {Type: huma.TypeBoolean, Description: "Draw on a logarithmic scale."},
				"integer": {Type: huma.TypeBoolean, Description: "Whole numbers only."},
			},
		},
	}}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"method", "space"},
		Description: "Find the best hyperparameters by cross-validation on the training rows, and fit with them.",
		Properties: map[string]*huma.Schema{
			"method": method,
			"space": {
				Type:                 huma.TypeObject,
				AdditionalProperties: dimension,
				Description:          "The values to try, by hyperparameter.",
			},
			"budget": {
				Type:        huma.TypeInteger,
				Minimum:     new(1.0),
				Maximum:     new(float64(search.MaxBudget)),
				Description: "The maximum number of trials. Default 30, or the size of the grid.",
			},
			"folds": {
				Type:        huma.TypeInteger,
				Minimum:     new(float64(search.MinFolds)),
				Maximum:     new(float64(search.MaxFolds)),
				Description: "Folds of a trial. Default cv_folds.",
			},
			"metric": metric,
		},
	}
}

func anyOf[T any](list []T) []any {
	values := make([]any, len(list))
	for i, v := range list {
		values[i] = v
	}
	return values
}
