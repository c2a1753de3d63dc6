package apiserver

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

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

func (s *Server) getAlgorithms(context.Context, *struct{}) (*algorithmsOutput, error) {
	out := new(algorithmsOutput)
	for _, d := range descriptions() {
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
	schema := &huma.Schema{Type: p.Type, Description: p.About, Default: p.Default}
	for _, word := range p.Words {
		schema.Enum = append(schema.Enum, word)
	}
	if len(p.Words) > 0 {
		return schema
	}
	if len(p.Extra) == 0 {
		schema.Minimum, schema.Maximum = of(p.Low), of(p.High)
		return schema
	}
	apart := &huma.Schema{Type: p.Type}
	for _, e := range p.Extra {
		apart.Enum = append(apart.Enum, float64(e)) // as any JSON number is decoded
	}
	schema.AnyOf = []*huma.Schema{{Type: p.Type, Minimum: of(p.Low), Maximum: of(p.High)}, apart}
	return schema
}
