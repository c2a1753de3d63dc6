// Package registry keeps the versions of every model in MLflow: it registers them, resolves references, loads models,
// and promotes champions. The object store has the schemas of the models and the history of promotions. The package
// trains nothing and decides nothing: the gate belongs to package workflows.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/modelcache"
	"iris/internal/objstore"
	"iris/model"
)

// Aliases that follow the promotions.
const (
	ChampionAlias = "champion" // the served version
	PreviousAlias = "previous" // the champion before
)

// Options configures a Registry. All fields but Disk and Now are required.
type Options struct {
	MLflow *mlflow.Client
	Store  *objstore.Store
	Bucket string // of Iris; the registry uses keys under models/ and champions/

	Disk *modelcache.Dir  // keeps the artifacts that were loaded; may be nil
	Now  func() time.Time // default time.Now
}

// Registry holds no state, so any number of goroutines and processes may use it.
type Registry struct {
	mlflow *mlflow.Client
	store  *objstore.Store
	bucket string
	disk   *modelcache.Dir
	now    func() time.Time
}

// New returns a registry, or an error that names the missing option. It connects to nothing.
func New(o Options) (*Registry, error) {
	switch {
	case o.MLflow == nil:
		return nil, errors.New("registry: MLflow is missing")
	case o.Store == nil:
		return nil, errors.New("registry: Store is missing")
	case o.Bucket == "":
		return nil, errors.New("registry: Bucket is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Registry{mlflow: o.MLflow, store: o.Store, bucket: o.Bucket, disk: o.Disk, now: o.Now}, nil
}

// Info is a summary of a model.
type Info struct {
	Name          string `json:"name"`
	Champion      string `json:"champion"`       // number, "" for none
	LatestVersion string `json:"latest_version"` // number, "" for none
}

// Models lists the models, sorted by name. The list always has the model iris. It leaves out models of MLflow that have
// a name that model.CheckName refuses.
func (r *Registry) Models(ctx context.Context) ([]Info, error) {
	registered, err := r.mlflow.RegisteredModels(ctx)
	if err != nil {
		return nil, fmt.Errorf("list models: %w", outage(err))
	}
	infos := map[string]Info{dataset.IrisModel: {Name: dataset.IrisModel}}
	for _, m := range registered {
		if model.CheckName(m.Name) != nil {
			continue
		}
		info := Info{Name: m.Name, Champion: m.Aliases[ChampionAlias]}
		if latest, ok := latestVersion(m); ok {
			info.LatestVersion = latest.Version
		}
		infos[m.Name] = info
	}
	return slices.SortedFunc(maps.Values(infos), func(a, b Info) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// VersionKey identifies a version. Model and number alone do not: MLflow assigns the number again after a model was
// deleted and created anew.
type VersionKey struct {
	Model  string
	Number string
	RunID  string // "" if unknown
}

// Versions lists the versions of a model, newest first. It leaves out tags that cannot be read, and the moved rows of a
// split that is too long for a tag; Resolve returns those. It returns ErrNotExist if the model does not exist.
func (r *Registry) Versions(ctx context.Context, modelName string) ([]Version, error) {
	if err := checkName(modelName); err != nil {
		return nil, err
	}
	m, err := r.mlflow.GetRegisteredModel(ctx, modelName)
	if errors.Is(err, mlflow.ErrNotExist) {
		if modelName == dataset.IrisModel {
			return []Version{}, nil
		}
		return nil, fmt.Errorf("model %s %w", modelName, ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("look up model %s: %w", modelName, outage(err))
	}
	found, err := r.mlflow.SearchVersions(ctx, "name='"+modelName+"'")
	if err != nil {
		return nil, fmt.Errorf("list versions of %s: %w", modelName, outage(err))
	}
	slices.Reverse(found) // they come oldest first
	versions := make([]Version, len(found))
	for i, mv := range found {
		mv.Aliases = nil // MLflow's search leaves them out
		for alias, number := range m.Aliases {
			if number == mv.Version {
				mv.Aliases = append(mv.Aliases, alias)
			}
		}
		versions[i], _ = fromMLflow(mv) // a damaged tag must not hide the version
	}
	return versions, nil
}

// DatasetVersions lists the versions of all models that were trained on a dataset, sorted by model and then oldest
// first, without their aliases. An empty list is not an error.
func (r *Registry) DatasetVersions(ctx context.Context, digest string) ([]Version, error) {
	if !digestPattern.MatchString(digest) {
		return nil, fmt.Errorf("dataset %s: %w", quote(digest), ErrBadReference)
	}
	found, err := r.mlflow.SearchVersions(ctx, "tags.`"+tagDataset+"`='"+digest+"'")
	if err != nil {
		return nil, fmt.Errorf("look for versions of dataset %.12s: %w", digest, outage(err))
	}
	versions := make([]Version, len(found))
	for i, mv := range found {
		versions[i], _ = fromMLflow(mv) // a damaged tag must not hide the version
	}
	return versions, nil
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// latestVersion returns the newest version of a model. MLflow returns a latest version for each of its stages.
func latestVersion(m mlflow.RegisteredModel) (mlflow.ModelVersion, bool) {
	if len(m.LatestVersions) == 0 {
		return mlflow.ModelVersion{}, false
	}
	return slices.MaxFunc(
		m.LatestVersions,
		func(a, b mlflow.ModelVersion) int { return cmp.Compare(number(a), number(b)) },
	), true
}

// checkName returns ErrBadReference for a bad name of a model.
func checkName(modelName string) error {
	if err := model.CheckName(modelName); err != nil {
		return fmt.Errorf("%w: %w", ErrBadReference, err)
	}
	return nil
}

// quote quotes the input of a client for a message and shortens it if it is long.
func quote(s string) string {
	const limit = 100
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strconv.Quote(s)
}
