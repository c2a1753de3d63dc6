// Package activities does everything of the jobs that has a side effect: reading datasets, fitting and scoring models,
// the lab book and the registry, the parts of a batch. An activity may run twice and still does its work once: keys are
// deterministic, and what MLflow would create twice is looked for first.
package activities

import (
	"errors"

	"iris/internal/catalogue"
	"iris/internal/champions"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
)

// Options is what the activities work with.
type Options struct {
	MLflow   *mlflow.Client
	Store    *objstore.Store
	Registry *registry.Registry
	Versions *champions.Cache // models of batches, loaded once per worker

	Bucket      string   // of Iris
	DataBuckets []string // that a dataset or rows may be read from, beside Bucket
	GitCommit   string   // of the running code, for the lineage of runs and versions; may be empty
}

// Activities are the activities; every exported method is one.
type Activities struct {
	o         Options
	catalogue *catalogue.Catalogue
}

// New returns the activities, or which option is missing.
func New(o Options) (*Activities, error) {
	switch {
	case o.MLflow == nil:
		return nil, errors.New("activities: MLflow is missing")
	case o.Store == nil:
		return nil, errors.New("activities: Store is missing")
	case o.Registry == nil:
		return nil, errors.New("activities: Registry is missing")
	case o.Versions == nil:
		return nil, errors.New("activities: Versions is missing")
	case o.Bucket == "":
		return nil, errors.New("activities: Bucket is missing")
	}
	datasets, err := catalogue.New(
		catalogue.Options{Store: o.Store, Bucket: o.Bucket, DataBuckets: o.DataBuckets},
	)
	return &Activities{o: o, catalogue: datasets}, err
}
