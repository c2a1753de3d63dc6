// Package problem has the errors of an HTTP API in the form of RFC 9457: a status, a detail, and the places of the
// request that are wrong. It does not decide which error becomes which problem, and it knows nothing of Iris.
package problem

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// MediaType is the media type of a problem.
const MediaType = "application/problem+json"

// InternalDetail is the detail of an internal error. The log has the cause, under the id of the request.
const InternalDetail = "an internal error; the log of the server has more under this X-Request-Id"

// retryAfter is how long a 503 tells a client to wait: about as long as a dependency takes to restart.
const retryAfter = 5 * time.Second

// Problem is the body of every error, as RFC 9457 defines it.
type Problem struct {
	Type   string  `json:"type" doc:"about:blank: the status is the type" example:"about:blank"`
	Title  string  `json:"title" doc:"the status in words" example:"Unprocessable Entity"`
	Status int     `json:"status" example:"422"`
	Detail string  `json:"detail" doc:"what is wrong with this request" example:"/data/3/petal_width: is missing"`
	Errors []Fault `json:"errors,omitempty" nullable:"false" doc:"the places that are wrong, if they are known"`
	TaskID string  `json:"task_id,omitempty" doc:"the task that the request may have started, if that is not known"`

	Header http.Header `json:"-"` // sent with the problem
	Cause  error       `json:"-"` // logged, never sent
}

// Fault is one place of a request and what is wrong there.
type Fault struct {
	Pointer   string `json:"pointer,omitempty" doc:"RFC 6901 pointer into the JSON of the request" example:"/data/3/petal_width"`
	Parameter string `json:"parameter,omitempty" doc:"name of a path or query parameter, or of a part of a form"`
	Line      int    `json:"line,omitempty" doc:"line of a CSV, counted from 1 as an editor does"`
	Column    string `json:"column,omitempty" doc:"name of a column of a CSV"`
	Detail    string `json:"detail" doc:"what is wrong there"`
}

// New returns a problem of a status.
func New(status int, detail string, faults ...Fault) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

// Invalid returns the 422 for one fault.
func Invalid(f Fault) *Problem {
	detail := f.Detail
	switch {
	case f.Pointer != "":
		detail = f.Pointer + ": " + f.Detail
	case f.Parameter != "":
		detail = f.Parameter + ": " + f.Detail
	}
	return New(http.StatusUnprocessableEntity, detail, f)
}

// NotFound returns the 404 that names what does not exist.
func NotFound(format string, args ...any) *Problem {
	return New(http.StatusNotFound, fmt.Sprintf(format, args...))
}

// Unavailable returns the 503 that says when to try again. The cause may be nil.
func Unavailable(detail string, cause error) *Problem {
	p := New(http.StatusServiceUnavailable, detail)
	p.Header = http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Seconds()))}}
	p.Cause = cause
	return p
}

// Internal returns the 500 that tells its client nothing of the cause.
func Internal(cause error) *Problem {
	p := New(http.StatusInternalServerError, InternalDetail)
	p.Cause = cause
	return p
}

// Plain returns the problem as a protocol of another server knows it: a status, which is never 422, and a text.
func (p *Problem) Plain() (status int, text string) {
	if p.Status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest, p.Detail
	}
	return p.Status, p.Detail
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes huma answer with the status of the problem.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders makes huma send the header of the problem.
func (p *Problem) GetHeaders() http.Header { return p.Header }

// ContentType makes huma send the media type of a problem.
func (p *Problem) ContentType(string) string { return MediaType }

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// Clip shortens what a client sent to a length that fits into an error message. Valid UTF-8 stays valid.
func Clip(s string) string {
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
