// Package registry keeps the versions of every model: it registers them, resolves references to them, loads them,
// moves the champion, and writes the history of that. MLflow holds the versions and the aliases, the object store the
// schemas and the history. The package trains nothing and decides nothing: the gate is the workflow's.
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

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/model"
)

// Aliases that Promote moves.
const (
	ChampionAlias = "champion" // the version that is served
	PreviousAlias = "previous" // the champion before it
)

// Options is what a Registry works with.
type Options struct {
	MLflow *mlflow.Client
	Store  *objstore.Store
	Bucket string // of Iris, for what lies under models/
}

// Registry is the registry. It holds no state and may be used by any number of goroutines and processes, but for
// Promote, which one caller at a time may use for a model.
type Registry struct {
	mlflow *mlflow.Client
	store  *objstore.Store
	bucket string
}

// New returns a registry, or which option is missing. It connects to nothing.
func New(o Options) (*Registry, error) {
	switch {
	case o.MLflow == nil:
		return nil, errors.New("registry: MLflow is missing")
	case o.Store == nil:
		return nil, errors.New("registry: Store is missing")
	case o.Bucket == "":
		return nil, errors.New("registry: Bucket is missing")
	}
	return &Registry{mlflow: o.MLflow, store: o.Store, bucket: o.Bucket}, nil
}

// Info is a line in the list of models.
type Info struct {
	Name          string `json:"name"`
	Champion      string `json:"champion"`       // number, "" = none
	LatestVersion string `json:"latest_version"` // number, "" = none
}

// Models lists the models by name. The model iris is there from the start, trained or not. What else MLflow holds is a
// model when its name could be one.
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

// VersionKey identifies a version. Number alone does not: MLflow assigns it again after a model was deleted and created
// anew.
type VersionKey struct {
	Model  string
	Number string
	RunID  string // "" if unknown
}

// Champions looks up the champions of all models in one request. RunID is known only for a champion that is also the
// latest version of its model.
func (r *Registry) Champions(ctx context.Context) (map[string]VersionKey, error) {
	registered, err := r.mlflow.RegisteredModels(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the champions: %w", outage(err))
	}
	champions := make(map[string]VersionKey, len(registered))
	for _, m := range registered {
		number := m.Aliases[ChampionAlias]
		if number == "" || model.CheckName(m.Name) != nil {
			continue
		}
		key := VersionKey{Model: m.Name, Number: number}
		if latest, ok := latestVersion(m); ok && latest.Version == number {
			key.RunID = latest.RunID
		}
		champions[m.Name] = key
	}
	return champions, nil
}

// Versions lists the versions of a model, newest first, with whatever of their tags can be read. A split with more
// moved rows than a tag takes is listed without them; Resolve has them. ErrNotExist when there is no such model.
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
		versions[i], _ = fromMLflow(mv) // a tag somebody broke by hand hides no version from the list
	}
	return versions, nil
}

// DatasetVersions lists the versions of all models that were trained on a dataset, by model and oldest first, without
// their
// aliases; none is no error.
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
		versions[i], _ = fromMLflow(mv) // what somebody broke by hand still was trained on it
	}
	return versions, nil
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// latestVersion is the newest of the latest versions, of which MLflow returns one for each of its stages.
func latestVersion(m mlflow.RegisteredModel) (mlflow.ModelVersion, bool) {
	if len(m.LatestVersions) == 0 {
		return mlflow.ModelVersion{}, false
	}
	return slices.MaxFunc(
		m.LatestVersions,
		func(a, b mlflow.ModelVersion) int { return cmp.Compare(number(a), number(b)) },
	), true
}

// checkName refuses what cannot be the name of a model.
func checkName(modelName string) error {
	if err := model.CheckName(modelName); err != nil {
		return fmt.Errorf("%w: %w", ErrBadReference, err)
	}
	return nil
}

// quote shortens what a client sent to a length that is fit for a message.
func quote(s string) string {
	const limit = 100
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strconv.Quote(s)
}
