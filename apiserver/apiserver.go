// Package apiserver is the HTTP process of Iris: it reads a request, asks Temporal, the object store or the registry,
// and
// answers. It holds no state of its own but the models it serves, so any number of processes may run side by side. What
// takes longer than a request is a workflow; nothing here trains or scores in bulk.
package apiserver

import (
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
	o.DefaultModel = either(o.DefaultModel, DefaultModel)
	o.Namespace = either(o.Namespace, DefaultNamespace)
	o.Version = either(o.Version, "unversioned")
	o.MaxUpload = either(o.MaxUpload, DefaultMaxUpload)
	o.MaxBody = either(o.MaxBody, DefaultMaxBody)
	o.MaxBatchUpload = either(o.MaxBatchUpload, DefaultMaxBatchUpload)
	o.MaxBatchData = either(o.MaxBatchData, DefaultMaxBatchData)
	if err := model.CheckName(o.DefaultModel); err != nil {
		return o, fmt.Errorf("apiserver: Options.DefaultModel: %w", err)
	}
	return o, nil
}

// either is v, or instead when v is the zero value.
func either[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

// Server answers the HTTP API.
type Server struct {
	Options
	router    *mux.Router
	api       huma.API // the plain JSON routes, and the OpenAPI document of all
	docs      apidoc.Schemas
	models    atomic.Pointer[modelsDocument]
	handler   *httpio.Handler
	serving   *serving.Models
	metrics   *metrics
	bulk      httpio.Bulk
	catalogue *catalogue.Catalogue
	uploads   *uploads
	datasets  *datasets
	reach     reachability

	drain     time.Duration // for the requests under way when the server stops; then they are cut
	promotion time.Duration // for a promotion and those before it
}

// New returns a Server that has not been started. The error says which field of the options is missing.
func New(o Options) (*Server, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, bulk: httpio.NewBulk(), drain: drainTimeout, promotion: promotionTimeout}
	s.serving = serving.New(serving.Options{
		Cache: o.Cache, Registry: o.Registry, Bulk: s.bulk, DefaultModel: o.DefaultModel, MaxBody: o.MaxBody,
	})
	s.metrics = newMetrics(o.Cache, s.serving.Predictors)
	s.router = newRouter()
	s.handler = httpio.NewHandler(httpio.Options{
		Router: s.router, Logger: o.Logger, Metrics: s.metrics.http, Translate: problemOf, Answer: answerProblem,
	})
	if s.catalogue, err = catalogue.New(
		catalogue.Options{Store: o.Store, Bucket: o.Bucket, DataBuckets: o.DataBuckets},
	); err != nil {
		return nil, err
	}
	s.uploads = &uploads{store: o.Store, bucket: o.Bucket, catalogue: s.catalogue, log: s.handler.Log}
	s.datasets = &datasets{catalogue: s.catalogue, registry: o.Registry, uploads: s.uploads, maxUpload: o.MaxUpload}
	if err := s.routes(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler returns the whole API as one handler.
func (s *Server) Handler() http.Handler { return s.handler }
