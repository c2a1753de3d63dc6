// Package apiserver is the HTTP process of Iris. It reads a request, asks Temporal, the object store or the registry,
// and answers. It has no state except the models that it serves, so any number of processes may run side by side. Work
// that takes longer than a request is a workflow; this package trains nothing and scores nothing in bulk.
package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

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

	DefaultMaxBatchUpload = 16 << 30 // bytes of a file of rows, inflated
	DefaultMaxBatchData   = 64 << 30 // bytes of the objects that a batch reads
)

// Options configures a Server. Temporal, Store, Registry, Cache and Bucket are required.
type Options struct {
	Temporal client.Client
	Store    *objstore.Store
	Registry *registry.Registry
	Cache    *champions.Cache // the server reads it; its owner keeps it up to date
	Logger   *slog.Logger     // nil is slog.Default()

	// Ready checks further dependencies for /readyz. It returns an error by name, nil for one that answers.
	Ready func(context.Context) map[string]error

	Bucket       string   // of Iris, in Store
	DataBuckets  []string // other buckets that a request may read data from; must not be MLflow's
	DefaultModel string   // of the routes without a model; "" is iris
	Namespace    string   // of Temporal, for links; "" is default
	TemporalUI   string   // base address of Temporal's pages; "" for no links
	MLflowUI     string   // base address of MLflow's pages; "" for no links
	Version      string   // of Iris, for the OpenAPI document

	DrainDelay time.Duration // between the end of readiness and the end of connections when the server stops

	MaxUpload int64 // bytes of a CSV; 0 is DefaultMaxUpload
	MaxBody   int64 // bytes of the JSON of a batch; 0 is DefaultMaxBody

	MaxBatchUpload int64 // bytes of a file of rows, inflated; 0 is DefaultMaxBatchUpload
	MaxBatchData   int64 // bytes of the objects that a batch reads; 0 is DefaultMaxBatchData
}

// resolve fills in the defaults. The error names the field that is missing or invalid.
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
		return o, errors.New("apiserver: Options.MaxUpload, Options.MaxBody, Options.MaxBatchUpload and " +
			"Options.MaxBatchData must not be negative")
	}
	if o.DrainDelay < 0 {
		return o, errors.New("apiserver: Options.DrainDelay must not be negative")
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
