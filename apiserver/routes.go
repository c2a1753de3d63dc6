package apiserver

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"iris/apiserver/apidoc"
	"iris/apiserver/kservev1"
	"iris/apiserver/mlflowscoring"
	"iris/apiserver/problem"
	"iris/internal/webui"
)

// routes sets up every route there is. The first that fits a path wins: predictions come first because they are asked
// most,
// then what begins with a literal, then what begins with the name of a model, which can be none of the literals
// (model.ReservedNames).
func (s *Server) routes(r resources) error {
	s.router.NotFoundHandler = http.HandlerFunc(s.handleNotFound)
	s.router.MethodNotAllowedHandler = http.HandlerFunc(s.handleMethodNotAllowed)
	s.api = s.newAPI()
	s.docs = apidoc.Schemas{Registry: s.api.OpenAPI().Components.Schemas}

	s.add(s.serving.Routes(s.docs))

	s.add(s.inference.Routes(s.docs))

	jsonRoute(s, statusOperation("get-root", "/", "Is the process alive?"), r.health.getAlive)
	jsonRoute(s, statusOperation("get-health", "/healthz", "Is the process alive?"), r.health.getAlive)
	jsonRoute(s, statusOperation("get-ready", "/readyz", "Can it serve?"), r.health.getReady)
	s.plain(
		documentOperation("get-metrics", "/metrics", "Metrics of this process for Prometheus", "text/plain"),
		s.handleMetrics,
	)
	s.plain(
		documentOperation("get-openapi", "/openapi.json", "This API as OpenAPI 3.1", "application/json"),
		s.handleDocument,
	)
	s.plain(documentOperation("get-docs", "/docs", "This API as a page", "text/html"), handleDocs)
	s.plain(documentOperation("get-docs-file", "/docs/{file}", "What the page consists of", "*/*"), handleDocs)

	jsonRoute(s, listTasksOperation("/tasks"), r.tasks.list)
	jsonRoute(s, getTaskOperation("get-task", "/tasks/{task_id}"), r.tasks.get)
	jsonRoute(s, cancelTaskOperation("/tasks/{task_id}"), r.tasks.cancel)
	jsonRoute(s, verdictOperation("approve", "/tasks/{task_id}/approve"), r.tasks.approve)
	jsonRoute(s, verdictOperation("reject", "/tasks/{task_id}/reject"), r.tasks.reject)
	jsonRoute(s, listModelsOperation("/models"), r.models.list)
	jsonRoute(s, listAlgorithmsOperation("/algorithms"), listAlgorithms)

	jsonRoute(s, listDatasetsOperation("/datasets"), r.datasets.list)
	s.plain(uploadDatasetOperation(s.docs, "/datasets"), r.datasets.handleUpload)
	jsonRoute(s, getDatasetOperation("/datasets/{digest}"), r.datasets.get)
	jsonRoute(s, patchDatasetOperation("/datasets/{digest}"), r.datasets.patch)
	jsonRoute(s, datasetBatchesOperation("/datasets/{digest}/batches"), r.datasets.batches)

	s.plain(batchOperation(s.docs, "/predict/batch"), r.batches.start)
	s.batchResultRoutes(r.batches, "/predict/batch/{task_id}")
	s.plain(trainingOperation(s.docs, "/training"), r.trainings.start)
	jsonRoute(s, getTaskOperation("get-default-training", "/training/{task_id}"), r.trainings.getDefault)

	s.add(kservev1.New(s.serving).Routes(s.docs))
	s.add(mlflowscoring.New(s.serving).Routes(s.docs))

	s.plain(batchOperation(s.docs, "/{model}/predict/batch"), r.batches.start)
	s.batchResultRoutes(r.batches, "/{model}/predict/batch/{task_id}")
	s.plain(trainingOperation(s.docs, "/{model}/training"), r.trainings.start)
	jsonRoute(s, getTaskOperation("get-training", "/{model}/training/{task_id}"), r.trainings.get)
	jsonRoute(s, listVersionsOperation("/{model}/versions"), r.models.listVersions)
	jsonRoute(s, getVersionOperation("/{model}/versions/{version}"), r.models.getVersion)
	jsonRoute(s, versionBatchesOperation("/{model}/versions/{version}/batches"), r.models.batches)
	jsonRoute(s, promoteOperation("/{model}/champion"), r.models.putChampion)
	jsonRoute(s, rollbackOperation("/{model}/rollback"), r.models.rollBack)
	jsonRoute(s, historyOperation("/{model}/history"), r.models.history)

	return s.checkDocument()
}

// batchResultRoutes adds the routes of the results of a batch, below the path of the batch.
func (s *Server) batchResultRoutes(batches *batches, path string) {
	s.plain(batchResultOperation(s.docs, path), batches.getResult)
	s.plain(batchRowsOperation(s.docs, path+"/rows"), batches.getRows)
	s.plain(batchOutputOperation(path+"/output"), batches.getOutput)
	s.plain(batchErrorsOperation(path+"/errors"), batches.getErrors)
	s.plain(batchLinksOperation(s.docs, path+"/links"), batches.getLinks)
	s.plain(batchManifestOperation(s.docs, path+"/manifest"), batches.getManifest)
}

// newRouter returns a router that matches paths as they were sent: a task id may hold an escaped slash.
func newRouter() *mux.Router { return mux.NewRouter().UseEncodedPath().SkipClean(true) }

// add adds the routes of a package.
func (s *Server) add(routes []apidoc.Route) {
	for _, r := range routes {
		route := s.plain(r.Operation, r.Handle)
		if r.Match != nil {
			route.MatcherFunc(func(request *http.Request, _ *mux.RouteMatch) bool { return r.Match(request) })
		}
	}
}

// plain adds a route that huma does not bind, with its part of the OpenAPI document.
func (s *Server) plain(op huma.Operation, handle func(http.ResponseWriter, *http.Request) error) *mux.Route {
	s.describeErrors(&op)
	s.api.OpenAPI().AddOperation(&op)
	measured := s.metrics.http.Route(op.Method, op.Path)
	return s.router.Path(op.Path).Methods(op.Method).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		measured.Attach(w)
		if err := handle(w, r); err != nil {
			s.handler.Fail(w, r, err)
		}
	})
}

// jsonRoute adds a route whose input and output huma binds, checks and describes.
func jsonRoute[I, O any](s *Server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	s.describeErrors(&op)
	op.BodyReadTimeout = -1 // huma's would cut a handler off after 5 s; exchange has a deadline of its own
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, problemOf(err)
		}
		return out, nil
	})
}

// newAPI is huma with what is not ours taken off: its routes for documents, its $schema links, its shape of errors.
func (s *Server) newAPI() huma.API {
	config := huma.DefaultConfig("Iris", s.Version)
	config.Info.Description = apiDescription
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	huma.ValidateStrictCasing = true // Version is no more a field than any other that is not there
	config.Transformers = []huma.Transformer{s.problemTransformer}
	config.Tags = apiTags
	return humamux.New(s.router, config, humamux.WithRouteCustomizer(func(op *huma.Operation, route *mux.Route) {
		next, measured := route.GetHandler(), s.metrics.http.Route(op.Method, op.Path)
		if op.RequestBody != nil {
			next = s.handler.Buffered(next)
		}
		route.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			measured.Attach(w)
			next.ServeHTTP(w, r)
		})
	}))
}

// checkDocument makes sure that the OpenAPI document can be encoded once all routes are there.
func (s *Server) checkDocument() error {
	schemas := s.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's, which is never sent
	delete(schemas, "ErrorDetail")
	_, err := s.encodeDocument(nil)
	return err
}

// handleDocs sends the page that renders the document, or a file it consists of.
func handleDocs(w http.ResponseWriter, r *http.Request) error {
	name := cmp.Or(mux.Vars(r)["file"], webui.Page)
	content, mediaType, ok := webui.File(name)
	if !ok {
		return problem.NotFound("the page has no file %q", problem.Clip(name))
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Security-Policy", webui.ContentSecurityPolicy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return sendFile(w, content)
}

// sendFile sends what is part of the binary: a browser asks again, since the next binary may have another.
func sendFile(w http.ResponseWriter, content []byte) error {
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(content) // a client that hung up
	return nil
}

func (s *Server) handleNotFound(w http.ResponseWriter, r *http.Request) {
	s.handler.Fail(w, r, problem.NotFound("there is nothing at %s: see /docs", problem.Clip(r.URL.Path)))
}

// handleMethodNotAllowed names the methods that there are.
func (s *Server) handleMethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		var match mux.RouteMatch
		if s.router.Match(&other, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	list := strings.Join(allowed, ", ")
	p := problem.New(http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s", problem.Clip(r.URL.Path), list))
	p.Header = http.Header{"Allow": {list}}
	s.handler.Fail(w, r, p)
}
