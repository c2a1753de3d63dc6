// Package kservev1 answers the V1 protocol of KServe, which is also that of TensorFlow Serving and Vertex AI. A name
// alone is the champion of a model; /versions/ and a number or an alias name a version, as in TensorFlow Serving. It
// does not score: package serving does.
package kservev1

import (
	"net/http"
	"strings"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/frame"
)

const (
	prefix         = "/v1/models"
	instancesName  = "instances"
	parametersName = "parameters"
)

// API answers the protocol.
type API struct{ models *serving.Models }

// New returns an API.
func New(models *serving.Models) *API { return &API{models} }

// Owns reports whether a path belongs to the protocol, whether or not it has a route.
func Owns(path string) bool { return strings.HasPrefix(path, "/v1/") }

// kserveError is the body of every error of the protocol.
type kserveError struct {
	Error string `json:"error"`
}

// Fail sends a problem in the shape of the protocol.
func Fail(w http.ResponseWriter, p *problem.Problem, _ error) {
	status, text := p.Plain()
	_ = httpio.WriteJSON(w, status, kserveError{text})
}

// Routes returns the routes of the protocol.
func (a *API) Routes(docs apidoc.Schemas) []apidoc.Route {
	return []apidoc.Route{
		{
			Operation: operation(docs, "list-v1-models", prefix, "List the models that are served", kserveModels{}),
			Handle:    a.handleModels,
		},
		{
			Operation: operation(docs, "get-v1-model", prefix+"/{model}", "Can the model be asked?", kserveModel{}),
			Handle:    a.handleModel,
			Match:     func(r *http.Request) bool { return !strings.Contains(r.URL.Path, ":") }, // a verb is not for GET
		},
		{Operation: predictOperation(docs, prefix+"/{model}:predict"), Handle: a.handlePredict},
		{Operation: predictOperation(docs, prefix+"/{model}/versions/{version}:predict"), Handle: a.handlePredict},
	}
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

func (a *API) handleModels(w http.ResponseWriter, _ *http.Request) error {
	list := kserveModels{Models: []string{}}
	for _, served := range a.models.Cache.Champions() {
		list.Models = append(list.Models, served.Version.Model)
	}
	return httpio.WriteJSON(w, http.StatusOK, list)
}

func (a *API) handleModel(w http.ResponseWriter, r *http.Request) error {
	name := a.models.Name(r)
	if err := a.models.MustExist(r.Context(), name); err != nil {
		return err
	}
	ready := a.models.Cache.Champion(name) != nil && !a.models.Draining()
	return httpio.WriteJSON(w, http.StatusOK, kserveModel{Name: name, Ready: ready})
}

// handlePredict scores instances: objects with the names of the features, or arrays in their order. It takes the body
// for JSON whatever its Content-Type: curl -d, which the examples of TensorFlow Serving use, sends that of a form.
func (a *API) handlePredict(w http.ResponseWriter, r *http.Request) error {
	p, body, release, err := a.models.ReadRows(w, r)
	defer release()
	if err != nil {
		return err
	}
	var instances, parameters []byte
	err = frame.EachMember(body, func(name, value []byte) error {
		switch string(name) {
		case instancesName:
			instances = value
		case parametersName:
			parameters = value
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case instances == nil:
		return serving.FormError(frame.BadForm, "/"+instancesName, "missing: want an array of rows")
	}
	if p, err = p.WithParameters(parameters, "/"+parametersName); err != nil {
		return err
	}
	return a.models.AnswerPredictions(w, r, p, func(row func([]float64) error) error {
		_, err := p.Frame.RecordsOrRows(instances, "/"+instancesName, row)
		return err
	})
}
