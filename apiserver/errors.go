package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"go.temporal.io/api/serviceerror"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/apiserver/starts"
	"iris/internal/dataset"
	"iris/internal/inference"
	"iris/internal/jsonrow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/tablefile"
	"iris/model"
)

// problemOf turns every error into the problem that a client is told. What a client must not know is only logged, as
// the cause. The translation stays in this package because it alone sees the errors of all others; httpio and the
// protocols get it as a function.
func problemOf(err error) *problem.Problem {
	var (
		known   *problem.Problem
		tensor  *inference.Error
		syntax  *jsonrow.SyntaxError
		columns *dataset.ColumnsError
		row     *dataset.RowError
		spec    *model.SpecError
		option  *tablefile.OptionError
		tooMuch *http.MaxBytesError
		unknown *starts.UnknownError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, starts.ErrOtherRequest):
		return idempotency.ErrOtherRequest()
	case errors.As(err, &unknown):
		return unknownStart(unknown)
	case errors.As(err, &tensor):
		return problem.New(http.StatusBadRequest, tensor.Error())
	case errors.As(err, &syntax):
		return problem.New(http.StatusBadRequest, syntax.Error())
	case errors.As(err, &columns):
		faults := make([]problem.Fault, len(columns.Columns))
		for i := range columns.Columns {
			faults[i] = faultOf(&columns.Columns[i])
		}
		return problem.New(http.StatusUnprocessableEntity, columns.Error(), faults...)
	case errors.As(err, &row):
		return problem.New(http.StatusUnprocessableEntity, row.Error(), faultOf(row))
	case errors.As(err, &spec):
		return problem.Invalid(problem.Fault{Pointer: spec.Pointer, Detail: spec.Reason})
	case errors.As(err, &option):
		return problem.Invalid(problem.Fault{Pointer: "/" + option.Option, Detail: option.Reason})
	case errors.Is(err, dataset.ErrTooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, err.Error())
	case errors.As(err, &tooMuch):
		return problem.New(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooMuch.Limit))
	}
	if who := whoIsDown(err); who != "" {
		return problem.Unavailable(who+" does not answer; try again", err)
	}
	return problem.Internal(err)
}

func faultOf(row *dataset.RowError) problem.Fault {
	return problem.Fault{Pointer: row.Pointer, Line: row.Line, Column: row.Column, Detail: row.Reason}
}

// unknownStart returns the problem of a start that may have happened. A client finds the task by its id, or by sending
// the request again with the same key.
func unknownStart(err *starts.UnknownError) *problem.Problem {
	p := problem.Unavailable("Temporal does not answer; the task may start yet: see /tasks/"+err.TaskID, err)
	p.TaskID = err.TaskID
	return p
}

// whoIsDown returns the dependency that does not answer, "" if err means something else, such as an unexpected answer.
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
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, httpio.ErrNoAnswer), errors.As(err, &network):
		return "a service that this request needs"
	}
	return ""
}

// transformProblem gives the errors of huma's own checks the form of all other errors, and logs the problems that
// handlers return.
func (r *router) transformProblem(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *huma.ErrorModel:
		return problemOfHuma(v), nil
	case *problem.Problem:
		req, w := humamux.Unwrap(ctx)
		r.handler.LogProblem(w, req, v)
	}
	return v, nil
}

// problemOfHuma returns the problem of a request that huma has refused. Its location body.version becomes the pointer
// /version; query.page_size and path.task_id become parameters.
func problemOfHuma(e *huma.ErrorModel) *problem.Problem {
	p := problem.New(e.Status, e.Detail)
	for _, detail := range e.Errors {
		f := problem.Fault{Detail: detail.Message}
		place, name, _ := strings.Cut(detail.Location, ".")
		if place == "body" {
			f.Pointer = pointer(name)
		} else {
			f.Parameter = name
		}
		p.Errors = append(p.Errors, f)
	}
	if len(p.Errors) > 0 {
		p.Detail = problem.Invalid(p.Errors[0]).Detail
	}
	return p
}

// pointer turns huma's path a.b[0].c into an RFC 6901 pointer.
func pointer(path string) string {
	if path == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(path)
}
