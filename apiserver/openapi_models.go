package apiserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/dataset"
)

// The part of the OpenAPI document that depends on what is served: for every champion its own route of predictions, an
// instance of /{model}/predict, with the names of its features and classes.

// modelsDocument is the OpenAPI document of what was served when it was made.
type modelsDocument struct {
	champions []*champions.Served
	encoded   []byte
}

// currentDocument is the OpenAPI document with the champions of now. It is made anew when one has changed since
// somebody
// asked for it.
func (s *Server) currentDocument() ([]byte, error) {
	champions := s.Cache.Champions()
	if kept := s.document.Load(); kept != nil && slices.Equal(kept.champions, champions) {
		return kept.encoded, nil
	}
	encoded, err := s.encodeDocument(champions)
	if err != nil {
		return nil, err
	}
	s.document.Store(&modelsDocument{champions, encoded})
	return encoded, nil
}

// encodeDocument is the OpenAPI document with these champions.
func (s *Server) encodeDocument(champions []*champions.Served) ([]byte, error) {
	api := *s.api.OpenAPI()
	api.Paths = maps.Clone(api.Paths)
	for _, served := range champions {
		path := "/" + served.Version.Model + "/predict"
		api.Paths[path] = &huma.PathItem{Post: championOperation(served, api.Paths[serving.PredictTemplate].Post)}
	}
	encoded, err := json.Marshal(&api)
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return encoded, nil
}

// championOperation describes a prediction by what is served. It answers errors as the template does.
func championOperation(served *champions.Served, template *huma.Operation) *huma.Operation {
	name, row := served.Version.Model, rowToTry(served.Model.Schema().Features)
	answer := &huma.MediaType{Schema: championAnswer(served), Example: exampleAnswer(served, row)}
	return &huma.Operation{
		OperationID: championOperationID + name,
		Tags:        template.Tags,
		Summary:     "Classify one row with " + name,
		Description: fmt.Sprintf(
			"What `%s` stands for while version %s of %s is its champion.",
			serving.PredictTemplate,
			served.Version.Number,
			name,
		),
		RequestBody: apidoc.Body(
			map[string]*huma.MediaType{
				"application/json": {Schema: championRow(served.Model.Schema(), row), Example: named(served, row)},
			},
		),
		Responses: map[string]*huma.Response{
			"200":     {Description: "The prediction", Content: map[string]*huma.MediaType{"application/json": answer}},
			"default": template.Responses["default"],
		},
	}
}

// championOperationID begins the id of an operation of a champion. No other begins so.
const championOperationID = "predict-model-"

// rowToTry is a row to try a model with: a flower, where the features are its, else all ones.
func rowToTry(features []string) []float64 {
	row := make([]float64, len(features))
	for i, feature := range features {
		row[i] = 1
		if v, known := serving.ExampleRow[feature].(float64); known {
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

// exampleAnswer is what the champion says of the example, nil when it cannot compute with it.
func exampleAnswer(served *champions.Served, row []float64) any {
	schema, version := served.Model.Schema(), served.Version
	probabilities := make([]float64, len(schema.Classes))
	label := schema.Classes[served.Model.Predict(row, probabilities)]
	p := serving.Prediction{
		Logits: [][]float64{probabilities}, Label: label, Probabilities: map[string]float64{},
		ModelVersion: version.Number, ModelID: version.URI(),
	}
	if version.Model == dataset.IrisModel {
		p.Specie = label
	}
	for i, class := range schema.Classes {
		if math.IsNaN(probabilities[i]) {
			return nil
		}
		p.Probabilities[class] = probabilities[i]
	}
	return p
}

// championRow describes a row of the features, each of which is required.
func championRow(schema dataset.Schema, example []float64) *huma.Schema {
	features := make(map[string]*huma.Schema, len(schema.Features))
	for i, feature := range schema.Features {
		features[feature] = &huma.Schema{Type: huma.TypeNumber, Examples: []any{example[i]}}
	}
	return &huma.Schema{Type: huma.TypeObject, Required: schema.Features, Properties: features, AdditionalProperties: true}
}

// championAnswer describes a Prediction by the classes there are.
func championAnswer(served *champions.Served) *huma.Schema {
	classes := served.Model.Schema().Classes
	number := &huma.Schema{Type: huma.TypeNumber, Minimum: new(0.0), Maximum: new(1.0)}
	label := &huma.Schema{Type: huma.TypeString, Enum: anyOf(classes), Description: "the most probable class"}
	probabilities := make(map[string]*huma.Schema, len(classes))
	for _, class := range classes {
		probabilities[class] = number
	}
	one := func(value, description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Enum: []any{value}, Description: description}
	}
	answer := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"logits", "label", "probabilities", "model_version", "model_id"},
		Properties: map[string]*huma.Schema{
			"logits": {
				Type:        huma.TypeArray,
				MinItems:    new(1),
				MaxItems:    new(1),
				Description: "one row: a probability per class, in class order",
				Items: &huma.Schema{
					Type:     huma.TypeArray,
					MinItems: new(len(classes)),
					MaxItems: new(len(classes)),
					Items:    number,
				},
			},
			"label": label,
			"probabilities": {
				Type:        huma.TypeObject,
				Required:    classes,
				Properties:  probabilities,
				Description: "the same probabilities by class",
			},
			"model_version": one(served.Version.Number, "the version that answers"),
			"model_id":      one(served.Version.URI(), "the same as MLflow names it"),
		},
	}
	if served.Version.Model == dataset.IrisModel {
		answer.Properties["specie"] = label
		answer.Required = append([]string{"specie"}, answer.Required...)
	}
	return answer
}

func (s *Server) handleDocument(w http.ResponseWriter, _ *http.Request) error {
	document, err := s.currentDocument()
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = httpio.JSONType
	return sendFile(w, document)
}
