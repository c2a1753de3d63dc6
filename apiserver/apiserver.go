// Package apiserver is the HTTP process of Iris: it reads a request, asks Temporal, the object store or the registry,
// and
// answers. It holds no state of its own but the models it serves, so any number of processes may run side by side. What
// takes longer than a request is a workflow; nothing here trains or scores in bulk.
package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"
	"go.temporal.io/sdk/client"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/openinference"
	"iris/apiserver/serving"
	"iris/internal/catalogue"
	"iris/internal/champions"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// Defaults of Options.
const (
	DefaultModel     = "iris"
	DefaultNamespace = "default"
	DefaultMaxUpload = 1 << 30  // bytes of a CSV
	DefaultMaxBody   = 32 << 20 // bytes of the JSON of a batch

	DefaultMaxBatchUpload = 16 << 30 // bytes of the rows of a batch that are sent as a file, inflated
	DefaultMaxBatchData   = 64 << 30 // bytes of the objects that a batch reads
)

// Options are what a Server needs. Temporal, Store, Registry, Cache and Bucket must be given.
type Options struct {
	Temporal client.Client
	Store    *objstore.Store
	Registry *registry.Registry
	Cache    *champions.Cache // polled by whoever made it: the server only reads it
	Logger   *slog.Logger     // nil: slog.Default()

	// Ready adds to the dependencies that /readyz reports: name to what is wrong with it, nil when it answers.
	Ready func(context.Context) map[string]error

	Bucket       string   // of Iris, in Store
	DataBuckets  []string // that data_path may name beside Bucket; never MLflow's
	DefaultModel string   // of the routes without a model; "" is iris
	Namespace    string   // of Temporal, for the links; "" is default
	TemporalUI   string   // base address for the links into the Temporal UI; "" gives none
	MLflowUI     string   // likewise for MLflow
	Version      string   // of Iris, in the OpenAPI document

	MaxUpload int64 // bytes of a CSV; 0 is DefaultMaxUpload
	MaxBody   int64 // bytes of the JSON of a batch; 0 is DefaultMaxBody

	MaxBatchUpload int64 // bytes of the rows of a batch that are sent as a file, inflated; 0 is DefaultMaxBatchUpload
	MaxBatchData   int64 // bytes of the objects that a batch reads; 0 is DefaultMaxBatchData
}

// resolve fills in the defaults and says which field is missing or wrong.
func (o Options) resolve() (Options, error) {
	missing := ""
	switch {
	case o.Temporal == nil:
		missing = "Temporal"
	case o.Store == nil:
		missing = "Store"
	case o.Registry == nil:
		missing = "Registry"
	case o.Cache == nil:
		missing = "Cache"
	case o.Bucket == "":
		missing = "Bucket"
	}
	if missing != "" {
		return o, fmt.Errorf("apiserver: Options.%s is missing", missing)
	}
	if min(o.MaxUpload, o.MaxBody, o.MaxBatchUpload, o.MaxBatchData) < 0 {
		return o, errors.New(
			"apiserver: Options.MaxUpload, Options.MaxBody, Options.MaxBatchUpload and Options.MaxBatchData must not be negative",
		)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.DefaultModel = cmp.Or(o.DefaultModel, DefaultModel)
	o.Namespace = cmp.Or(o.Namespace, DefaultNamespace)
	o.Version = cmp.Or(o.Version, "unversioned")
	o.MaxUpload = cmp.Or(o.MaxUpload, DefaultMaxUpload)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.MaxBatchUpload = cmp.Or(o.MaxBatchUpload, DefaultMaxBatchUpload)
	o.MaxBatchData = cmp.Or(o.MaxBatchData, DefaultMaxBatchData)
	if err := model.CheckName(o.DefaultModel); err != nil {
		return o, fmt.Errorf("apiserver: Options.DefaultModel: %w", err)
	}
	return o, nil
}

// Server answers the HTTP API.
type Server struct {
	Options
	router    *mux.Router
	api       huma.API // the plain JSON routes, and the OpenAPI document of all
	docs      apidoc.Schemas
	document  atomic.Pointer[modelsDocument]
	handler   *httpio.Handler
	serving   *serving.Models
	inference *openinference.API
	metrics   *metrics
	bulk      httpio.Bulk
	catalogue *catalogue.Catalogue
	links     links
	tasks     *tasks
	models    *models

	drain time.Duration // for the requests that are running when the server stops; then they are cut off
}

// New returns a Server that has not been started. The error says which field of the options is missing.
func New(o Options) (*Server, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Options: o, bulk: httpio.NewBulk(), router: newRouter(),
		links: links{temporalUI: o.TemporalUI, namespace: o.Namespace, mlflowUI: o.MLflowUI},
		drain: drainTimeout,
	}
	s.serving = serving.New(serving.Options{
		Cache: o.Cache, Registry: o.Registry, Bulk: s.bulk, DefaultModel: o.DefaultModel, MaxBody: o.MaxBody,
	})
	s.metrics = newMetrics(o.Cache, s.serving.Predictors)
	s.handler = httpio.NewHandler(httpio.Options{
		Router: s.router, Logger: o.Logger, Metrics: s.metrics.http, Translate: problemOf, Answer: answerProblem,
	})
	if s.catalogue, err = catalogue.New(
		catalogue.Options{Store: o.Store, Bucket: o.Bucket, DataBuckets: o.DataBuckets},
	); err != nil {
		return nil, err
	}
	s.tasks = &tasks{temporal: o.Temporal, store: o.Store, bucket: o.Bucket, links: s.links}
	s.inference = openinference.New(openinference.Options{
		Models: s.serving, Handler: s.handler, Metrics: s.metrics.http, Version: o.Version,
	})
	s.models = &models{
		registry: o.Registry, cache: o.Cache, catalogue: s.catalogue, serving: s.serving, tasks: s.tasks, links: s.links,
		promotionTimeout: promotionTimeout,
	}
	if err := s.routes(s.newResources()); err != nil {
		return nil, err
	}
	return s, nil
}

// resources are what the routes are about.
type resources struct {
	tasks     *tasks
	trainings *trainings
	batches   *batches
	datasets  *datasets
	models    *models
	health    *health
}

func (s *Server) newResources() resources {
	uploads := &uploads{store: s.Store, bucket: s.Bucket, catalogue: s.catalogue, log: s.handler.Log}
	return resources{
		tasks: s.tasks,
		trainings: &trainings{
			tasks: s.tasks, models: s.serving, catalogue: s.catalogue, uploads: uploads, schema: s.models.schema,
			maxUpload: s.MaxUpload,
		},
		batches: &batches{
			tasks: s.tasks, models: s.serving, catalogue: s.catalogue, uploads: uploads,
			store: s.Store, bucket: s.Bucket, bulk: s.bulk, accepted: s.metrics.batched,
			maxBody: s.MaxBody, maxUpload: s.MaxBatchUpload, maxData: s.MaxBatchData,
		},
		datasets: &datasets{catalogue: s.catalogue, registry: s.Registry, uploads: uploads, maxUpload: s.MaxUpload},
		models:   s.models,
		health: &health{
			temporal: s.Temporal, store: s.Store, cache: s.Cache, defaultModel: s.DefaultModel, more: s.Ready, log: s.Logger,
		},
	}
}

// Handler returns the whole API as one handler.
func (s *Server) Handler() http.Handler { return s.handler }
