package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"iris/internal/mlflow"
	"iris/model"
)

// maxAligned is how many models ReconcileChampions aligns concurrently.
const maxAligned = 4

// ReconcileChampions compares the champions with the aliases in MLflow, for all models in one request, and repairs what
// differs: it finishes promotions whose process died, turns an alias that somebody moved in MLflow into a promotion
// with an entry in the history, and forgets the champions of deleted models. Any number of processes may run it. A
// model that cannot be repaired does not prevent the others. ReconcileChampions returns the names of all models of
// MLflow, also with an error if it could list them, and nil if it could not.
func (r *Registry) ReconcileChampions(ctx context.Context) (models []string, err error) {
	x, _, err := r.readIndex(ctx)
	if err != nil {
		return nil, err
	}
	registered, err := r.mlflow.RegisteredModels(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the champions: %w", outage(err))
	}
	models = make([]string, len(registered))
	for i, m := range registered {
		models[i] = m.Name
	}
	differ := x.unsettled(registered)
	aligned := make(map[string]head, len(differ))
	var mu sync.Mutex
	var failed []error
	group := new(errgroup.Group)
	group.SetLimit(maxAligned)
	for _, name := range differ {
		group.Go(func() error {
			h, err := r.align(ctx, name, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
				return nil
			}
			aligned[name] = h
			return nil
		})
	}
	_ = group.Wait() // failed has the errors
	return models, errors.Join(append(failed, r.settle(ctx, aligned))...)
}

// unsettled returns the models whose head and alias differ, and those whose head is not settled.
func (x index) unsettled(registered []mlflow.RegisteredModel) []string {
	names := map[string]bool{}
	gone := maps.Clone(x.Models)
	for _, m := range registered {
		h := x.Models[m.Name]
		delete(gone, m.Name)
		alias := m.Aliases[ChampionAlias]
		same := h.To == alias
		if latest, ok := latestVersion(m); ok && same && latest.Version == alias && h.RunID != "" {
			same = latest.RunID == h.RunID
		}
		if model.CheckName(m.Name) == nil && (!same || h.TaskID != "" && !h.Settled) {
			names[m.Name] = true
		}
	}
	for name, h := range gone {
		if h.To != "" || !h.Settled {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// settle marks heads that nobody has replaced as settled, and drops those without a champion.
func (r *Registry) settle(ctx context.Context, aligned map[string]head) error {
	now := r.now()
	return r.update(ctx, func(x index) (changed bool, err error) {
		for name, h := range x.Models {
			if a, ok := aligned[name]; ok && !h.Settled && a.equal(h) {
				h.Settled, changed = true, true
				x.Models[name] = h
			}
			late := slices.ContainsFunc(h.Late, func(l late) bool { return l.Until.After(now) })
			if h.Settled && h.To == "" && !late {
				delete(x.Models, name)
				changed = true
			}
		}
		return changed, nil
	})
}

// aliveAtOnce is how many runs one request names. Its URL has about 4 KB.
const aliveAtOnce = 100

// Alive returns the versions that MLflow still has, of those that are given. A version without a run is never among
// them.
func (r *Registry) Alive(ctx context.Context, keys []VersionKey) (map[VersionKey]bool, error) {
	alive := make(map[VersionKey]bool, len(keys))
	for some := range slices.Chunk(keys, aliveAtOnce) {
		var runs []string
		for _, key := range some {
			if runIDPattern.MatchString(key.RunID) {
				runs = append(runs, "'"+key.RunID+"'")
			}
		}
		if len(runs) == 0 {
			continue
		}
		found, err := r.mlflow.SearchVersions(ctx, "run_id IN ("+strings.Join(runs, ",")+")")
		if err != nil {
			return nil, fmt.Errorf("look up %d versions: %w", len(keys), outage(err))
		}
		for _, mv := range found {
			alive[VersionKey{Model: mv.Name, Number: mv.Version, RunID: mv.RunID}] = true
		}
	}
	return alive, nil
}
