package apiserver

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
)

// Routes of a protocol that others defined have errors of its shape, also where no route was found.

// protocol is a protocol that is not Iris's own, with how it says what is wrong.
type protocol struct {
	fail  func(http.ResponseWriter, *problem.Problem, error)
	error any // an example of what fail sends, for the OpenAPI document
}

// protocolOf is the protocol that a path belongs to, nil for Iris's own.
func protocolOf(path string) *protocol {
	switch {
	case path == inferencePrefix, strings.HasPrefix(path, inferencePrefix+"/"):
		return &protocol{failInference, InferenceError{}}
	case strings.HasPrefix(path, kserveV1Prefix+"/"):
		return &protocol{failKServe, kserveError{}}
	case mlflowPath.MatchString(path):
		return &protocol{failMLflow, mlflowError{}}
	}
	return nil
}

var mlflowPath = regexp.MustCompile(`^/(ping|health|version|([^/]+/(versions/[^/]+/)?)?invocations)/?$`)

// answerProblem answers with p, which is what became of err, in the shape of the protocol that the path belongs to.
func answerProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem, err error) {
	other := protocolOf(r.URL.Path)
	if other == nil {
		httpio.WriteProblem(w, p)
		return
	}
	httpio.SetHeader(w, p)
	other.fail(w, p, err)
}

// foreign is what is wrong as every protocol can say it: a status and a text. They know no 422.
func foreign(p *problem.Problem) (status int, text string) {
	if p.Status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest, p.Detail
	}
	return p.Status, p.Detail
}

// foreignRoute adds a route of another protocol.
func (s *Server) foreignRoute(op huma.Operation, handle func(http.ResponseWriter, *http.Request) error) *mux.Route {
	op.Responses["default"] = s.docs.Answer("What is wrong, as the protocol says it", protocolOf(op.Path).error)
	return s.plain(op, handle)
}
