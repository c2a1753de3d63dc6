package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/model"
)

// index is one object that says which version of each model is the champion. It changes only by compare-and-set on its
// ETag, so it decides which of several promotions came first. Aliases, history and schema follow it.
type index struct {
	Models map[string]head `json:"models"`
}

// head is the last promotion of a model. The history has the entries of all earlier ones: whoever replaces a head
// records its entry first.
type head struct {
	Entry
	RunID string `json:"run_id,omitempty"` // of the version To
	// Since is the time at which Promote wrote the head. It is zero if MLflow had the alias first: Iris then wrote none.
	Since time.Time `json:"since,omitzero"`
	// Settled means that history, schema and aliases agree with the head.
	Settled bool `json:"settled,omitempty"`
	// Late lists champions before this one whose aliases may still be on their way to MLflow.
	Late []late `json:"late,omitempty"`
}

// late is a version that MLflow may still receive as the champion although another one has replaced it.
type late struct {
	Version string    `json:"version"`
	Until   time.Time `json:"until"`
}

// lateTime is how long a request that sets an alias may be on its way after its promotion began. The client of MLflow
// gives up after 30 s, but what it sent may arrive later.
const lateTime = 2 * time.Minute

// next returns the head that replaces h.
func (h head) next(e Entry, runID string, now time.Time) head {
	n := head{Entry: e, RunID: runID}
	for _, l := range h.Late {
		if l.Until.After(now) && l.Version != e.To {
			n.Late = append(n.Late, l)
		}
	}
	if until := h.Since.Add(lateTime); until.After(now) && h.To != e.To {
		n.Late = append(n.Late, late{h.To, until})
	}
	return n
}

func (h head) equal(o head) bool {
	return h.Entry.equal(o.Entry) && h.RunID == o.RunID && h.Settled == o.Settled && h.Since.Equal(o.Since) &&
		slices.EqualFunc(h.Late, o.Late, func(a, b late) bool { return a.Version == b.Version && a.Until.Equal(b.Until) })
}

// key identifies the champion. Its number is "" if the model has none.
func (h head) key() VersionKey { return VersionKey{Model: h.Model, Number: h.To, RunID: h.RunID} }

// readIndex reads the index and its ETag. If there is none yet, it makes one of the aliases in MLflow.
func (r *Registry) readIndex(ctx context.Context) (x index, etag string, err error) {
	for {
		etag, err = r.store.GetJSONUnless(ctx, r.bucket, objstore.ChampionsKey, "", &x)
		if !errors.Is(err, objstore.ErrNotExist) {
			return x.ready(), etag, indexError("read", err)
		}
		if x, err = r.indexOfAliases(ctx); err != nil {
			return index{}, "", err
		}
		etag, err = r.store.PutJSONIf(ctx, r.bucket, objstore.ChampionsKey, "", x)
		if !errors.Is(err, objstore.ErrChanged) {
			return x, etag, indexError("write", err)
		}
		x = index{} // another process was faster
	}
}

func (x index) ready() index {
	if x.Models == nil {
		x.Models = map[string]head{}
	}
	return x
}

func indexError(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s the index of the champions: %w", doing, outage(err))
}

// lookUps is how many requests to MLflow run concurrently when many models need one each.
const lookUps = 8

// indexOfAliases returns the index of an installation that had none: the champions are those that MLflow's aliases
// name.
func (r *Registry) indexOfAliases(ctx context.Context) (index, error) {
	registered, err := r.mlflow.RegisteredModels(ctx)
	if err != nil {
		return index{}, fmt.Errorf("look up the champions: %w", outage(err))
	}
	heads := make([]head, len(registered))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookUps)
	for i, m := range registered {
		if m.Aliases[ChampionAlias] == "" || model.CheckName(m.Name) != nil {
			continue
		}
		group.Go(func() error {
			mv, err := r.championAlias(ctx, m.Name)
			heads[i] = head{
				Entry: Entry{Model: m.Name, From: m.Aliases[PreviousAlias], To: mv.Version}, RunID: mv.RunID, Settled: true,
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return index{}, err
	}
	x := index{}.ready()
	for _, h := range heads {
		if h.To != "" {
			x.Models[h.Model] = h
		}
	}
	return x, nil
}

// championAlias returns the version that has the alias champion in MLflow, or the zero version if none has it. It does
// not read its tags, so that a champion with damaged tags does not prevent the next promotion.
func (r *Registry) championAlias(ctx context.Context, modelName string) (mlflow.ModelVersion, error) {
	mv, err := r.mlflow.GetAlias(ctx, modelName, ChampionAlias)
	if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
		return mlflow.ModelVersion{}, fmt.Errorf("look up the champion of %s: %w", modelName, outage(err))
	}
	return mv, nil
}

// casWait bounds the random wait before another attempt to change the index.
const casWait = 20 * time.Millisecond

// update changes the index. It calls change with the index as it is, again if another process changes the index before
// update has written it, and writes nothing if change returns false or an error.
func (r *Registry) update(ctx context.Context, change func(index) (bool, error)) error {
	for {
		x, etag, err := r.readIndex(ctx)
		if err != nil {
			return err
		}
		if changed, err := change(x); err != nil || !changed {
			return err
		}
		_, err = r.store.PutJSONIf(ctx, r.bucket, objstore.ChampionsKey, etag, x)
		if !errors.Is(err, objstore.ErrChanged) {
			return indexError("write", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(casWait)):
		}
	}
}

// replace makes a promotion that MLflow shows the head of its model, unless the head is no longer old.
func (r *Registry) replace(ctx context.Context, old head, e Entry, runID string) error {
	return r.update(ctx, func(x index) (bool, error) {
		if !x.Models[e.Model].equal(old) {
			return false, nil
		}
		if err := r.record(ctx, old); err != nil {
			return false, err
		}
		x.Models[e.Model] = old.next(e, runID, r.now())
		return true, nil
	})
}

// Champions returns the champions of all models, and a mark of this state. If nothing has changed since the mark known,
// it returns ErrNotModified. It takes one small request, whatever the number of models.
func (r *Registry) Champions(
	ctx context.Context,
	known string,
) (champions map[string]VersionKey, mark string, err error) {
	var x index
	mark, err = r.store.GetJSONUnless(ctx, r.bucket, objstore.ChampionsKey, known, &x)
	switch {
	case errors.Is(err, objstore.ErrNotModified):
		return nil, known, ErrNotModified
	case errors.Is(err, objstore.ErrNotExist):
		x, mark, err = r.readIndex(ctx)
	default:
		err = indexError("read", err)
	}
	if err != nil {
		return nil, "", err
	}
	champions = make(map[string]VersionKey, len(x.Models))
	for name, h := range maps.All(x.Models) {
		if h.To != "" && model.CheckName(name) == nil {
			champions[name] = h.key()
		}
	}
	return champions, mark, nil
}

// headOf returns the head of a model, and false if the index has none.
func (r *Registry) headOf(ctx context.Context, modelName string) (head, bool, error) {
	var x index
	_, err := r.store.GetJSONUnless(ctx, r.bucket, objstore.ChampionsKey, "", &x)
	if err != nil && !errors.Is(err, objstore.ErrNotExist) {
		return head{}, false, indexError("read", err)
	}
	h, ok := x.Models[modelName]
	return h, ok, nil
}
