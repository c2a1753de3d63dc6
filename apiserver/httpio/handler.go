package httpio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"iris/apiserver/problem"
)

// Handler does what every request needs before and after its route: an id, a plain body, a count, and an answer when
// something fails.
type Handler struct {
	router    http.Handler
	Logger    *slog.Logger // without the id of a request
	unmatched *RouteMetrics
	translate func(error) *problem.Problem
	answer    func(http.ResponseWriter, *http.Request, *problem.Problem, error)
	draining  func() bool
	requests  requestIDs
}

// Options are what a Handler needs. All fields but Draining must be given.
type Options struct {
	Router  http.Handler
	Logger  *slog.Logger
	Metrics *Metrics

	// Draining reports whether the process is about to stop. Each connection then ends with its next answer. Nil means
	// never.
	Draining func() bool
	// Translate returns the problem that a client is told for an error.
	Translate func(error) *problem.Problem
	// Answer sends a problem, and the error it stands for, in the shape that clients of the path expect.
	Answer func(http.ResponseWriter, *http.Request, *problem.Problem, error)
}

// NewHandler returns a Handler.
func NewHandler(o Options) *Handler {
	if o.Draining == nil {
		o.Draining = func() bool { return false }
	}
	return &Handler{
		router: o.Router, Logger: o.Logger, unmatched: o.Metrics.Unmatched,
		translate: o.Translate, answer: o.Answer, draining: o.Draining, requests: newRequestIDs(),
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	x := &Exchange{
		ResponseWriter: w,
		ReadCloser:     r.Body,
		head:           r.Method == http.MethodHead,
		pace:           pace{began: now, armed: now},
		status:         http.StatusOK,
	}
	h.unmatched.Attach(x)
	x.id[0] = h.requests.of(headerValue(r.Header, RequestIDHeader))
	w.Header()[RequestIDHeader] = x.id[:]
	if h.draining() {
		w.Header()["Connection"] = closeConnection
	}
	defer h.end(x, r)
	if r.Body == nil || r.Body == http.NoBody {
		x.ended = true
		x.setReadDeadline(time.Time{}) // it was for the body
	} else {
		r = x.withBody(r)
	}
	if crossOrigin.Check(r) != nil {
		h.Fail(x, r, errCrossOrigin)
		return
	}
	if err := decompress(r); err != nil {
		h.Fail(x, r, err)
		return
	}
	h.router.ServeHTTP(x, canonical(r))
}

// crossOrigin recognizes a request that changes something and that a browser sends for a page of another site. Whoever
// can reach the API from their browser would otherwise lend that power to every page they open.
var crossOrigin = http.NewCrossOriginProtection()

var errCrossOrigin = problem.New(http.StatusForbidden,
	"a page of another site sent this request: only pages of this server, and programs, may change something")

// end counts the request, and answers for a handler that panicked. If the answer has begun, end cuts it off, so that
// the client does not take a part of it for the whole.
func (h *Handler) end(x *Exchange, r *http.Request) {
	v := recover()
	if v == nil {
		x.count(x.status)
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		x.count(aborted)
		panic(v)
	}
	h.Log(x).Error("a handler panicked",
		"method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if x.started {
		x.count(aborted)
		panic(http.ErrAbortHandler)
	}
	h.answer(x, r, problem.Internal(nil), nil)
	x.count(x.status)
}

// Fail answers with err and logs what the client is not told. If the answer has begun, Fail cuts it off, so that the
// client does not take a part of it for the whole.
func (h *Handler) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrHungUp) {
		panic(http.ErrAbortHandler)
	}
	p := h.translate(err)
	h.LogProblem(w, r, p)
	x, ok := w.(*Exchange)
	if !ok {
		h.answer(w, r, p, err)
		return
	}
	if x.started {
		panic(http.ErrAbortHandler)
	}
	rest := x.refuseBody(r)
	h.answer(w, r, p, err)
	if rest {
		x.discardBody()
	}
}

// LogProblem logs the cause of a problem, if it has one: a bug, or a dependency that does not answer. A mistake in a
// request is told to its client and not logged, and neither is a client that hung up.
func (h *Handler) LogProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	if p.Cause == nil || errors.Is(r.Context().Err(), context.Canceled) {
		return
	}
	h.Log(w).Error("a request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", p.Cause)
}

// Log returns the logger with the id of the request that w answers.
func (h *Handler) Log(w http.ResponseWriter) *slog.Logger {
	return h.LogOf(w.Header().Get(RequestIDHeader))
}

// LogOf returns the logger with the id of a request.
func (h *Handler) LogOf(id string) *slog.Logger { return h.Logger.With("request_id", id) }

// Translate returns the problem that a client is told for an error.
func (h *Handler) Translate(err error) *problem.Problem { return h.translate(err) }

// RequestID returns the id that a client chose when it is fit for a log, or a new one.
func (h *Handler) RequestID(chosen string) string { return h.requests.of(chosen) }

// Buffered reads a small JSON body whole before next reads it, so that a body that cannot be read is answered as on
// every other route.
func (h *Handler) Buffered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := RequireJSON(r)
		var body []byte
		if err == nil {
			body, err = ReadBody(r, nil, MaxSmall)
		}
		if err != nil {
			h.Fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// canonical returns r as the router knows its routes: without a trailing slash, with colons that are not escaped, and
// with GET for HEAD, whose body net/http leaves out.
func canonical(r *http.Request) *http.Request {
	slash := len(r.URL.Path) > 1 && strings.HasSuffix(r.URL.Path, "/")
	colon := r.URL.RawPath != "" && escapedColon.MatchString(r.URL.RawPath)
	if !slash && !colon && r.Method != http.MethodHead {
		return r
	}
	c := *r // a copy: the server looks at its own to see that a HEAD gets no body
	if c.Method == http.MethodHead {
		c.Method = http.MethodGet
	}
	if slash || colon {
		u := *r.URL
		u.RawPath = escapedColon.ReplaceAllLiteralString(u.RawPath, ":")
		if slash {
			u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
		}
		c.URL = &u
	}
	return &c
}

// escapedColon is how some clients write the colon of /v1/models/iris:predict.
var escapedColon = regexp.MustCompile(`%3[Aa]`)
