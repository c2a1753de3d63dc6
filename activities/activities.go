// Package activities holds the steps of workflows that have side effects: they read datasets, fit and score models, and
// write to MLflow, the registry and the object store. It does not decide which step comes next.
//
// Temporal runs an activity at least once, so every activity is safe to run twice: object keys depend on the input
// alone, and an activity looks for what MLflow would otherwise create a second time.
package activities

import (
	"errors"

	"iris/internal/catalogue"
	"iris/internal/champions"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/sweep"
)

// Options are the dependencies and settings of the activities.
type Options struct {
	MLflow   *mlflow.Client
	Store    *objstore.Store
	Registry *registry.Registry
	Versions *champions.Cache // loads a model once per worker, for batches

	Bucket      string   // of Iris
	DataBuckets []string // other buckets that datasets and rows may come from
	GitCommit   string   // of this program, for the lineage of runs and versions; may be empty

	// Outcome translates the error that a workflow ended with; only Sweep needs it.
	Outcome func(error) (state string, reason *sweep.StatusError)

	Memory int64         // bytes that fits may use together; 0 sets no limit
	Fits   *FitProcesses // nil runs fits in this process, where nothing ends a fit that exceeds its memory
}

// Activities has the activities: every exported method is one.
type Activities struct {
	datasets
	o      Options
	memory memory
}

// New returns the activities, or an error that names a missing option.
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
	known, err := catalogue.New(
		catalogue.Options{Store: o.Store, Bucket: o.Bucket, DataBuckets: o.DataBuckets},
	)
	return &Activities{
		datasets: datasets{store: o.Store, catalogue: known}, o: o, memory: newMemory(o.Memory),
	}, err
}
