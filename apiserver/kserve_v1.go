package apiserver

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/frame"
)

// The V1 protocol of KServe, which is that of TensorFlow Serving, Vertex AI and others. A name alone is the champion; a
// version is named as in TensorFlow Serving, by /versions/ and its number, or an alias.

const kserveV1Prefix = "/v1"

func (s *Server) kserveV1Routes() {
	const models = kserveV1Prefix + "/models"
	s.foreignRoute(
		s.kserveOperation("list-v1-models", http.MethodGet, models, "List the models that are served", kserveModels{}),
		s.handleKServeModels,
	)
	// Whatever has a verb is not for GET.
	s.foreignRoute(s.kserveOperation("get-v1-model", http.MethodGet, models+"/{model}", "Can the model be asked?", kserveModel{}), s.handleKServeModel).
		MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool { return !strings.Contains(r.URL.Path, ":") })
	s.foreignRoute(s.kservePredictOperation(models+"/{model}:predict"), s.handleKServePredict)
	s.foreignRoute(s.kservePredictOperation(models+"/{model}/versions/{version}:predict"), s.handleKServePredict)
}

// kserveModels is the answer to GET /v1/models.
type kserveModels struct {
	Models []string `json:"models" nullable:"false"`
}

// kserveModel is the answer to GET /v1/models/{model}.
type kserveModel struct {
	Name  string `json:"name" example:"iris"`
	Ready bool   `json:"ready" doc:"it has a champion, which is loaded"`
}

// kserveError is how KServe says what is wrong.
type kserveError struct {
	Error string `json:"error"`
}

func failKServe(w http.ResponseWriter, p *problem.Problem, _ error) {
	status, text := foreign(p)
	_ = httpio.WriteJSON(w, status, kserveError{text})
}

func (s *Server) handleKServeModels(w http.ResponseWriter, _ *http.Request) error {
	list := kserveModels{Models: []string{}}
	for _, served := range s.Cache.Champions() {
		list.Models = append(list.Models, served.Version.Model)
	}
	return httpio.WriteJSON(w, http.StatusOK, list)
}

func (s *Server) handleKServeModel(w http.ResponseWriter, r *http.Request) error {
	name := s.serving.Name(r)
	if err := s.serving.MustExist(r.Context(), name); err != nil {
		return err
	}
	return httpio.WriteJSON(w, http.StatusOK, kserveModel{Name: name, Ready: s.Cache.Champion(name) != nil})
}

// handleKServePredict scores instances: objects by the names of the features, or arrays in their order. The body is
// JSON
// whatever it says it is: curl -d, in the examples of TensorFlow Serving, says that it is a form.
func (s *Server) handleKServePredict(w http.ResponseWriter, r *http.Request) error {
	served, err := s.serving.Requested(r)
	if err != nil {
		return err
	}
	body, release, err := s.bulk.Read(r, s.MaxBody)
	defer release()
	if err != nil {
		return err
	}
	var instances []byte
	err = frame.EachMember(body, func(name, value []byte) error {
		if string(name) == formInstances {
			instances = value
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case instances == nil:
		return formError(frame.BadForm, "/"+formInstances, "missing: want an array of rows")
	}
	p := s.serving.Predictors.Requested(w, served)
	return s.serving.AnswerPredictions(w, r, p, func(row func([]float64) error) error {
		_, err := p.Frame.RecordsOrRows(instances, "/"+formInstances, row)
		return err
	})
}

func (s *Server) kserveOperation(id, method, path, summary string, answer any) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{"protocols"}, Summary: summary + " (KServe V1)",
		Parameters: apidoc.PathParameters(path),
		Responses:  map[string]*huma.Response{"200": s.docs.Answer("As KServe answers", answer)},
	}
}

func (s *Server) kservePredictOperation(path string) huma.Operation {
	row := &huma.Schema{
		OneOf: []*huma.Schema{serving.RowSchema(), {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber}}},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("predict-v1", path),
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"protocols"},
		Summary:     "Classify rows (KServe V1)",
		Description: "Each instance is an object with a number for each feature, or an array of the numbers in the order of the features.",
		Parameters:  apidoc.PathParameters(path),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{formInstances}, Properties: map[string]*huma.Schema{
				formInstances: {Type: huma.TypeArray, Items: row},
			}},
			Example: map[string]any{formInstances: []any{serving.ExampleRow}},
		}}),
		Responses: map[string]*huma.Response{"200": serving.DescribePredictions()},
	}
}
