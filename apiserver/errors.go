package apiserver

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"go.temporal.io/api/serviceerror"

	"iris/internal/dataset"
	"iris/internal/inference"
	"iris/internal/jsonrow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// dependencyTimeout bounds a question to Temporal, the object store or MLflow, so that a dependency that is down is a
// 503
// within 3 s. Transfers of data have no such bound.
const dependencyTimeout = 2500 * time.Millisecond

// retryAfter is what a 503 tells a client to wait: about what it takes a dependency to restart.
const retryAfter = 5 * time.Second

// withDeadline is ctx for one question to a dependency.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, dependencyTimeout, errNoAnswer)
}

var errNoAnswer = fmt.Errorf("no answer within %s", dependencyTimeout)

// problemOf is the one place where an error becomes HTTP. What a client may not know is kept as the cause, for the log.
func problemOf(err error) *Problem {
	var (
		problem *Problem
		tensor  *inference.Error
		syntax  *jsonrow.SyntaxError
		row     *dataset.RowError
		spec    *model.SpecError
		tooMuch *http.MaxBytesError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tensor):
		return newProblem(http.StatusBadRequest, tensor.Error())
	case errors.As(err, &syntax):
		return newProblem(http.StatusBadRequest, syntax.Error())
	case errors.As(err, &row):
		return newProblem(http.StatusUnprocessableEntity, row.Error(),
			Fault{Pointer: row.Pointer, Line: row.Line, Column: row.Column, Detail: row.Reason})
	case errors.As(err, &spec):
		return invalid(Fault{Pointer: spec.Pointer, Detail: spec.Reason})
	case errors.Is(err, dataset.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, err.Error())
	case errors.As(err, &tooMuch):
		return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooMuch.Limit))
	}
	if who := whoIsDown(err); who != "" {
		return unavailable(who+" does not answer; try again", retryAfter, err)
	}
	p := newProblem(http.StatusInternalServerError, internalDetail)
	p.cause = err
	return p
}

// whoIsDown names the dependency that err says does not answer, "" when it says something else: also that one answered
// what was not expected.
func whoIsDown(err error) string {
	var (
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		exhausted   *serviceerror.ResourceExhausted
		network     net.Error
	)
	switch {
	case errors.Is(err, objstore.ErrUnavailable):
		return "the object store"
	case errors.Is(err, registry.ErrUnavailable):
		return "MLflow"
	case errors.As(err, &unavailable), errors.As(err, &deadline), errors.As(err, &exhausted):
		return "Temporal"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNoAnswer), errors.As(err, &network):
		return "a service that this request needs"
	}
	return ""
}

// badBody is the answer to a body that could not be read to its end.
func badBody(err error) error {
	var tooMuch *http.MaxBytesError
	switch {
	case errors.As(err, &tooMuch):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, fmt.Sprintf("nothing of the body arrived for %s", stallTimeout))
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return newProblem(http.StatusBadRequest, "the gzip body is damaged")
	case errors.Is(err, zlib.ErrChecksum):
		return newProblem(http.StatusBadRequest, "the deflate body is damaged")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, "the body ended early")
	}
	return newProblem(http.StatusBadRequest, "the body could not be read")
}

// fail answers with err and logs what the client is not told. Once the answer has begun, all that is left is to cut it
// off, so that half of it is not taken for the whole.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errHungUp) {
		panic(http.ErrAbortHandler)
	}
	p := problemOf(err)
	s.logProblem(w, r, p)
	if x, ok := w.(*exchange); ok && x.started {
		panic(http.ErrAbortHandler)
	}
	answerProblem(w, r, p, err)
}

// errHungUp marks an answer that its client did not take.
var errHungUp = errors.New("the client hung up")

// logProblem logs what is wrong with us or with a dependency: the cause, where there is one. What is wrong with a
// request is
// told to its client, and a client that hung up is not news.
func (s *Server) logProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	if p.cause == nil || errors.Is(r.Context().Err(), context.Canceled) {
		return
	}
	s.log(w).Error("a request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", p.cause)
}

// log is the logger with the id of the request that w answers.
func (s *Server) log(w http.ResponseWriter) *slog.Logger {
	return s.Logger.With("request_id", w.Header().Get(requestIDHeader))
}

// problemTransformer makes the errors of huma's own checks look like all others, and logs what its handlers return.
func (s *Server) problemTransformer(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *huma.ErrorModel:
		return problemOfHuma(v), nil
	case *Problem:
		r, w := humamux.Unwrap(ctx)
		s.logProblem(w, r, v)
	}
	return v, nil
}

// problemOfHuma is a Problem for what huma found wrong with a request before its handler ran. Its location body.version
// is our pointer /version; query.page_size and path.task_id are our parameters.
func problemOfHuma(e *huma.ErrorModel) *Problem {
	p := newProblem(e.Status, e.Detail)
	for _, detail := range e.Errors {
		f := Fault{Detail: detail.Message}
		place, name, _ := strings.Cut(detail.Location, ".")
		if place == "body" {
			f.Pointer = pointer(name)
		} else {
			f.Parameter = name
		}
		p.Errors = append(p.Errors, f)
	}
	if len(p.Errors) > 0 {
		p.Detail = invalid(p.Errors[0]).Detail
	}
	return p
}

// pointer is huma's a.b[0].c as an RFC 6901 pointer.
func pointer(path string) string {
	if path == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(path)
}
