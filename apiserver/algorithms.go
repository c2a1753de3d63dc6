package apiserver

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/internal/search"
	"iris/model"
)

// Algorithm is a family of learners as GET /algorithms lists it.
type Algorithm struct {
	Algorithm       model.Algorithm       `json:"algorithm" example:"logistic_regression"`
	Summary         string                `json:"summary" doc:"what it is, in a sentence"`
	Hyperparameters HyperparametersSchema `json:"hyperparameters" doc:"JSON Schema of the field hyperparameters of a training"`
}

// HyperparametersSchema is a JSON Schema as it is sent.
type HyperparametersSchema struct{ schema *huma.Schema }

// MarshalJSON is the schema, which says which dialect it is in.
func (h HyperparametersSchema) MarshalJSON() ([]byte, error) {
	named := *h.schema
	named.Extensions = map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema"}
	return json.Marshal(&named)
}

// Schema describes it to OpenAPI, as any object: the schemas themselves are in the description of a training.
func (HyperparametersSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "a JSON Schema, draft 2020-12"}
}

type algorithmsOutput struct {
	Body struct {
		Algorithms []Algorithm `json:"algorithms" nullable:"false"`
	}
}

func listAlgorithmsOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-algorithms", Method: http.MethodGet, Path: path, Tags: []string{"train"},
		Summary:     "List algorithms",
		Description: "Each with a JSON Schema of its hyperparameters: types, defaults, ranges, and a sentence each.",
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

// descriptions lists what every family says of itself.
func descriptions() []model.Description {
	algorithms := model.Algorithms()
	list := make([]model.Description, len(algorithms))
	for i, a := range algorithms {
		list[i], _ = model.Describe(a)
	}
	return list
}

// hyperparameters is the JSON Schema of what a family takes.
func hyperparameters(d model.Description) *huma.Schema {
	schema := &huma.Schema{
		Type: huma.TypeObject, Title: string(d.Algorithm), Description: d.Summary,
		AdditionalProperties: false, Properties: map[string]*huma.Schema{},
	}
	for _, p := range d.Parameters {
		schema.Properties[p.Name] = parameterSchema(p)
	}
	return schema
}

func parameterSchema(p model.Parameter) *huma.Schema {
	schema := domainSchema(p.Domain)
	schema.Description, schema.Default = p.About, p.Default
	return schema
}

// domainSchema is the JSON Schema of the values that a hyperparameter, or an element of one, may take.
func domainSchema(d model.Domain) *huma.Schema {
	schema := &huma.Schema{Type: d.Type}
	switch {
	case d.Items != nil:
		schema.Items, schema.MaxItems = domainSchema(*d.Items), new(d.Longest)
	case len(d.Words) > 0:
		schema.Enum = anyOf(d.Words)
	case len(d.Extra) == 0:
		schema.Minimum, schema.Maximum = new(d.Low), new(d.High)
	default:
		apart := &huma.Schema{Type: d.Type}
		for _, e := range d.Extra {
			apart.Enum = append(apart.Enum, float64(e)) // as any JSON number is decoded
		}
		schema.AnyOf = []*huma.Schema{{Type: d.Type, Minimum: new(d.Low), Maximum: new(d.High)}, apart}
	}
	return schema
}

// searchSchema is a search as JSON.
func searchSchema() *huma.Schema {
	words := func(list []any) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Enum: list} }
	method, metric := words(anyOf(search.Methods())), words(anyOf(search.Metrics()))
	metric.Default = search.LogLoss
	number := &huma.Schema{Type: huma.TypeNumber}
	dimension := &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeArray, MinItems: new(1), Items: &huma.Schema{}, Description: "values to choose from"},
		{
			Type:                 huma.TypeObject,
			AdditionalProperties: false,
			Required:             []string{"min", "max"},
			Description:          "a range of numbers, not for a grid",
			Properties: map[string]*huma.Schema{
				"min": number, "max": number,
				"log":     {Type: huma.TypeBoolean, Description: "draw every order of magnitude as often as any other"},
				"integer": {Type: huma.TypeBoolean, Description: "whole numbers only"},
			},
		},
	}}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"method", "space"},
		Description: "find the best hyperparameters by cross-validation on the rows for training, then fit with them",
		Properties: map[string]*huma.Schema{
			"method": method,
			"space": {
				Type:                 huma.TypeObject,
				AdditionalProperties: dimension,
				Description:          "what to try of each hyperparameter",
			},
			"budget": {
				Type:        huma.TypeInteger,
				Minimum:     new(1.0),
				Maximum:     new(float64(search.MaxBudget)),
				Description: "trials at most; 30, or the size of the grid",
			},
			"folds": {
				Type:        huma.TypeInteger,
				Minimum:     new(float64(search.MinFolds)),
				Maximum:     new(float64(search.MaxFolds)),
				Description: "of a trial; cv_folds when absent",
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
