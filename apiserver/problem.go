package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is the body of every error, after RFC 9457: application/problem+json.
type Problem struct {
	Type   string  `json:"type" doc:"about:blank: the status says it all" example:"about:blank"`
	Title  string  `json:"title" doc:"the status in words" example:"Unprocessable Entity"`
	Status int     `json:"status" example:"422"`
	Detail string  `json:"detail" doc:"what is wrong with this request" example:"/data/3/petal_width: is missing"`
	Errors []Fault `json:"errors,omitempty" nullable:"false" doc:"where it is wrong, when that can be said"`

	header http.Header // to be sent with it
	cause  error       // to be logged, never sent
}

// Fault is one place of a request and what is wrong with it.
type Fault struct {
	Pointer   string `json:"pointer,omitempty" doc:"RFC 6901 pointer into the JSON that was sent" example:"/data/3/petal_width"`
	Parameter string `json:"parameter,omitempty" doc:"name of a path or query parameter, or of a part of a form"`
	Line      int    `json:"line,omitempty" doc:"line of a CSV, from 1, as an editor counts"`
	Column    string `json:"column,omitempty" doc:"name of a column of a CSV"`
	Detail    string `json:"detail" doc:"what is wrong there"`
}

// internalDetail is all that a client is told of a mistake of ours; the log has the rest, under the request id.
const internalDetail = "an internal error; the log of the server has more under this " + requestIDHeader

func newProblem(status int, detail string, faults ...Fault) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

// invalid is the 422 for one fault.
func invalid(f Fault) *Problem {
	detail := f.Detail
	switch {
	case f.Pointer != "":
		detail = f.Pointer + ": " + f.Detail
	case f.Parameter != "":
		detail = f.Parameter + ": " + f.Detail
	}
	return newProblem(http.StatusUnprocessableEntity, detail, f)
}

// notFound is the 404 that names what there is none of.
func notFound(format string, args ...any) *Problem {
	return newProblem(http.StatusNotFound, fmt.Sprintf(format, args...))
}

// unavailable is the 503 that says when to try again.
func unavailable(detail string, after time.Duration, cause error) *Problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.header = http.Header{"Retry-After": {strconv.Itoa(int(after.Seconds()))}}
	p.cause = cause
	return p
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes huma answer with the problem's status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders makes huma send the problem's headers.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType makes huma send the media type of a problem.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// writeProblem sends p. A client that is gone by now is nobody's concern.
func writeProblem(w http.ResponseWriter, p *Problem) {
	header := w.Header()
	for name, values := range p.header {
		header[name] = values
	}
	header.Set("Content-Type", problemType)
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte("{}") // cannot happen: a Problem is strings and numbers
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// clip shortens what a client sent to a length that is fit for an error message, and keeps it valid UTF-8.
func clip(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	s = s[:longest]
	for !utf8.ValidString(s) && len(s) > longest-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}
