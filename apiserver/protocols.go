package apiserver

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Routes of a protocol that others defined have errors of its shape, also where no route was found.

// writeError sends p in the shape of the protocol that the path belongs to.
func writeError(w http.ResponseWriter, r *http.Request, p *Problem) {
	if r.URL.Path == inferencePrefix || strings.HasPrefix(r.URL.Path, inferencePrefix+"/") {
		writeInferenceError(w, p)
		return
	}
	writeProblem(w, p)
}

// writeInferenceError sends p as the Open Inference Protocol has it.
func writeInferenceError(w http.ResponseWriter, p *Problem) {
	header := w.Header()
	for name, values := range p.header {
		header[name] = values
	}
	header["Content-Type"] = jsonType
	body, err := json.Marshal(InferenceError{Error: p.Detail})
	if err != nil {
		body = []byte("{}") // cannot happen: it is a string
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// inferenceError describes the errors of the Open Inference Protocol.
func (s *Server) inferenceError() *huma.Response { return s.answer("An error", InferenceError{}) }
