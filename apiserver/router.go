package apiserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
)

// router finds the handler of a request. Whoever adds a route to it also adds its operation to the OpenAPI document.
type router struct {
	*mux.Router
	handler *httpio.Handler // around all routes
	api     huma.API        // binds the plain JSON routes; its document describes all routes
	docs    apidoc.Schemas
	metrics *httpio.Metrics
	answers *idempotency.Answers // to the requests that run once
}

// newRouter returns a router without routes. It matches paths as they were sent, because a task id may contain an
// escaped slash.
func newRouter(o Options, m *httpio.Metrics, draining func() bool) *router {
	r := &router{
		Router: mux.NewRouter().UseEncodedPath().SkipClean(true), metrics: m, answers: idempotency.New(o.Store, o.Bucket),
	}
	r.handler = httpio.NewHandler(httpio.Options{
		Router: r.Router, Logger: o.Logger, Metrics: m, Translate: problemOf, Answer: answerProblem,
		Draining: draining,
	})
	r.NotFoundHandler = http.HandlerFunc(r.notFound)
	r.MethodNotAllowedHandler = http.HandlerFunc(r.methodNotAllowed)
	r.api = r.newAPI(o.Version)
	r.docs = apidoc.Schemas{Registry: r.api.OpenAPI().Components.Schemas}
	return r
}

func init() {
	huma.ValidateStrictCasing = true // a field Version is as unknown as any other; huma has no option for one API
}

// newAPI configures huma without its docs routes, `$schema` links and error model.
func (r *router) newAPI(version string) huma.API {
	config := huma.DefaultConfig("Iris", version)
	config.Info.Description = apiDescription
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{r.transformProblem}
	config.Tags = apiTags
	return humamux.New(r.Router, config, humamux.WithRouteCustomizer(func(op *huma.Operation, route *mux.Route) {
		next, measured := route.GetHandler(), r.metrics.Route(op.Method, op.Path)
		if idempotency.Described(*op) {
			next = r.once(next)
		}
		if op.RequestBody != nil {
			next = r.handler.Buffered(r.withoutNulls(op.RequestBody.Content["application/json"].Schema, next))
		}
		route.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			measured.Attach(w)
			next.ServeHTTP(w, req)
		})
	}))
}

// once answers a small request with an idempotency key once.
func (r *router) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body) // in memory already
		var fingerprint string
		if err == nil {
			fingerprint, err = idempotency.Fingerprint(req.URL.RawQuery, string(body))
		}
		if err == nil {
			req.Body = io.NopCloser(bytes.NewReader(body))
			err = r.answers.Once(w, req, fingerprint, func(w http.ResponseWriter, req *http.Request) error {
				next.ServeHTTP(w, req)
				return nil
			})
		}
		if err != nil {
			r.handler.Fail(w, req, err)
		}
	})
}

// add adds the routes of a package.
func (r *router) add(routes []apidoc.Route) {
	for _, added := range routes {
		route := r.plain(added.Operation, added.Handle)
		if added.Match != nil {
			route.MatcherFunc(func(req *http.Request, _ *mux.RouteMatch) bool { return added.Match(req) })
		}
	}
}

// plain adds a route that reads its own input and writes its own answer.
func (r *router) plain(op huma.Operation, handle func(http.ResponseWriter, *http.Request) error) *mux.Route {
	describeErrors(r.docs, &op)
	r.api.OpenAPI().AddOperation(&op)
	measured := r.metrics.Route(op.Method, op.Path)
	return r.Path(op.Path).Methods(op.Method).HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		measured.Attach(w)
		if err := handle(w, req); err != nil {
			r.handler.Fail(w, req, err)
		}
	})
}

// addJSON adds a route whose input and output huma binds, checks and describes.
func addJSON[I, O any](r *router, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	describeErrors(r.docs, &op)
	op.BodyReadTimeout = -1 // huma's would end a handler after 5 s; httpio has its own deadline
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, problemOf(err)
		}
		return out, nil
	})
}

func (r *router) notFound(w http.ResponseWriter, req *http.Request) {
	r.handler.Fail(w, req, problem.NotFound("there is nothing at %s: see /docs", problem.Clip(req.URL.Path)))
}

// methodNotAllowed answers with the methods that the path has.
func (r *router) methodNotAllowed(w http.ResponseWriter, req *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *req
		other.Method = method
		var match mux.RouteMatch
		if r.Match(&other, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	list := strings.Join(allowed, ", ")
	p := problem.New(http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s", problem.Clip(req.URL.Path), list))
	p.Header = http.Header{"Allow": {list}}
	r.handler.Fail(w, req, p)
}
