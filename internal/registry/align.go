package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// MLflowActor is the actor of the entries about aliases that somebody has moved in MLflow.
const MLflowActor = "mlflow"

// alignRounds bounds how often align looks again. Each round but the last meets somebody else who moves the champion.
const alignRounds = 20

// CheckedChampion is Champion, and also sees an alias that somebody has moved in MLflow since the last
// ReconcileChampions.
func (r *Registry) CheckedChampion(ctx context.Context, modelName string) (Version, error) {
	if err := checkName(modelName); err != nil {
		return Version{}, err
	}
	x, _, err := r.readIndex(ctx)
	if err != nil {
		return Version{}, err
	}
	h := x.Models[modelName]
	h.Model = modelName
	alias, err := r.championAlias(ctx, modelName)
	if err != nil {
		return Version{}, err
	}
	if v := h.judge(alias, r.now()); v == moved || v == removed {
		if h, err = r.align(ctx, modelName, nil); err != nil {
			return Version{}, err
		}
	}
	return r.ofHead(ctx, h, ChampionAlias)
}

// finishTime bounds the rest of align once it has sent an alias.
const finishTime = time.Minute

// align makes the index and MLflow agree about a model, and returns the head on which they agree. It carries out a head
// whose aliases have not been moved yet, and makes a head of an alias that somebody has moved in MLflow. It ends with a
// look at both, so an attempt that was stopped in the middle and set an old alias corrects itself. known has the
// schemas of versions that the caller has loaded.
func (r *Registry) align(ctx context.Context, modelName string, known map[VersionKey]dataset.Schema) (head, error) {
	followed := "" // the task of the head whose history and schema are written
	for range alignRounds {
		x, _, err := r.readIndex(ctx)
		if err != nil {
			return head{}, err
		}
		h := x.Models[modelName]
		h.Model = modelName
		alias, err := r.championAlias(ctx, modelName)
		if err != nil {
			return head{}, err
		}
		verdict := h.judge(alias, r.now())
		if verdict == behind || !h.Settled {
			// From here on the end of ctx must not prevent the look afterwards.
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), finishTime)
			defer cancel() //nolint:revive // a few rounds at most
		}
		// After it has followed one head, align also follows the next: it may have overwritten what that head entails.
		if (verdict == agreed || verdict == behind) && (!h.Settled || followed != "") && followed != h.TaskID {
			if err := r.follow(ctx, h, known); err != nil {
				return head{}, err
			}
			followed = h.TaskID
		}
		if verdict == agreed {
			return h, nil
		}
		if verdict == behind {
			_, exists := known[h.key()]
			if !exists {
				if exists, err = r.exists(ctx, h); err != nil {
					return head{}, err
				}
			}
			if exists {
				if err := r.moveAlias(ctx, h); err != nil {
					return head{}, err
				}
				known = nil // if the alias is not there by the next round, the version may be gone
				continue
			}
			verdict = moved
		}
		if err := r.adopt(ctx, x.Models[modelName], h, alias, verdict); err != nil {
			return head{}, err
		}
	}
	return head{}, fmt.Errorf("the champion of %s changes all the time: %w", modelName, ErrUnavailable)
}

// adopt makes what MLflow says the head of a model, unless the head is no longer old.
func (r *Registry) adopt(ctx context.Context, old, h head, alias mlflow.ModelVersion, v verdict) error {
	e := Entry{
		At: r.after(h), Model: h.Model, From: h.To, To: alias.Version,
		Actor: MLflowActor, TaskID: MLflowActor + "-" + strings.ToLower(rand.Text()),
		Reason: "the alias champion was " + string(v) + " in MLflow",
	}
	exists, err := r.exists(ctx, h)
	if err != nil {
		return err
	}
	if !exists {
		e.Reason = "version " + h.To + " was deleted in MLflow"
	}
	return r.replace(ctx, old, e, alias.RunID)
}

// exists reports whether MLflow still has the champion of a head. It reports true for a head without a champion.
func (r *Registry) exists(ctx context.Context, h head) (bool, error) {
	if h.To == "" {
		return true, nil
	}
	mv, err := r.mlflow.GetVersion(ctx, h.Model, h.To)
	if errors.Is(err, mlflow.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up version %s of model %s: %w", h.To, h.Model, outage(err))
	}
	return h.RunID == "" || mv.RunID == h.RunID, nil
}

// verdict compares the head of a model with the alias in MLflow.
type verdict string

const (
	agreed  verdict = "agreed"  // both name the same version
	behind  verdict = "behind"  // the alias has not followed the head yet
	moved   verdict = "moved"   // somebody moved the alias in MLflow
	removed verdict = "removed" // somebody removed the alias in MLflow
)

// judge decides who is right if head and alias differ. Until the head of a promotion is settled, an alias that still
// names the champion before it is behind. So is an alias of a champion whose own alias may have arrived late. Any other
// difference was made in MLflow.
func (h head) judge(alias mlflow.ModelVersion, now time.Time) verdict {
	if alias.Version == h.To && (h.To == "" || h.RunID == "" || alias.RunID == h.RunID) {
		return agreed
	}
	if !h.Settled && !h.Since.IsZero() && (alias.Version == h.From || alias.Version == "") {
		return behind
	}
	for _, l := range h.Late {
		if l.Version == alias.Version && l.Until.After(now) {
			return behind
		}
	}
	if alias.Version == "" {
		return removed
	}
	return moved
}

// follow writes what a head entails besides the aliases. It may be repeated.
func (r *Registry) follow(ctx context.Context, h head, known map[VersionKey]dataset.Schema) error {
	if err := r.record(ctx, h); err != nil {
		return err
	}
	if h.To == "" {
		return r.forget(ctx, h.Model)
	}
	schema, ok := known[h.key()]
	if !ok {
		v, err := r.version(ctx, h.Model, h.To)
		if errors.Is(err, ErrNotExist) || errors.Is(err, ErrCorrupt) {
			return nil // the champion of a moved alias need not be one that Iris can load
		}
		if err != nil {
			return err
		}
		m, err := r.Load(ctx, v)
		if errors.Is(err, ErrCorrupt) {
			return nil
		}
		if err != nil {
			return err
		}
		schema = m.Schema()
	}
	if err := r.writeSchema(ctx, h.Model, schema); err != nil {
		return err
	}
	if h.From == "" {
		return nil
	}
	err := r.mlflow.SetAlias(ctx, h.Model, PreviousAlias, h.From)
	if err != nil && !errors.Is(err, mlflow.ErrNotExist) { // the champion before may have been deleted
		return fmt.Errorf("set alias %s: %w", PreviousAlias, outage(err))
	}
	return nil
}

// forget deletes the schema of a model that MLflow no longer has.
func (r *Registry) forget(ctx context.Context, modelName string) error {
	_, err := r.mlflow.GetRegisteredModel(ctx, modelName)
	if err == nil {
		return nil
	}
	if !errors.Is(err, mlflow.ErrNotExist) {
		return fmt.Errorf("look up model %s: %w", modelName, outage(err))
	}
	if err := r.store.Delete(ctx, r.bucket, objstore.ModelSchemaKey(modelName)); err != nil {
		return fmt.Errorf("delete schema of %s: %w", modelName, outage(err))
	}
	return nil
}

// moveAlias points the alias champion at the version of a head. If MLflow no longer has that version, align sees it in
// the next round.
func (r *Registry) moveAlias(ctx context.Context, h head) error {
	var err error
	if h.To == "" {
		err = r.mlflow.DeleteAlias(ctx, h.Model, ChampionAlias)
	} else {
		err = r.mlflow.SetAlias(ctx, h.Model, ChampionAlias, h.To)
	}
	if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
		return fmt.Errorf("set alias %s: %w", ChampionAlias, outage(err))
	}
	return nil
}

// after returns the time of the entry that follows a head: now, or the moment after the head if a slow clock would put
// it before.
func (r *Registry) after(h head) time.Time {
	now := r.now().UTC()
	if now.After(h.At) {
		return now
	}
	return h.At.Add(1)
}
