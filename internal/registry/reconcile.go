package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"iris/internal/mlflow"
)

// Trained says what a run has become.
type Trained struct {
	Model        string
	ExperimentID string
	RunID        string
	Version      string // number, "" if it is not known
}

// Reconcile removes what MLflow created twice for a run, because it acted on a request after the client had given up on
// it. It keeps the given version, or the oldest one, and the logged model of that version. It deletes the other
// versions and logged models. A version that was a champion stays with a tag that names the one that was kept. If
// nothing is there twice, it only reads.
func (r *Registry) Reconcile(ctx context.Context, t Trained) error {
	if err := checkName(t.Model); err != nil {
		return err
	}
	if !runIDPattern.MatchString(t.RunID) {
		return fmt.Errorf("run %s: %w", quote(t.RunID), ErrBadReference)
	}
	once := r.versionOnce(t.Model, t.RunID)
	err := once.Reconcile(ctx, func(mv mlflow.ModelVersion) bool { return mv.Version == t.Version })
	if err != nil {
		return fmt.Errorf("look for duplicates of run %s: %w", t.RunID, outage(err))
	}
	if err := r.reconcileLogged(ctx, t, once); err != nil {
		return fmt.Errorf("look for duplicates of run %s: %w", t.RunID, outage(err))
	}
	return nil
}

// reconcileLogged deletes the logged models of a run that no version has. If there is no version, it keeps the first.
func (r *Registry) reconcileLogged(ctx context.Context, t Trained, once mlflow.Once[mlflow.ModelVersion]) error {
	logged, err := r.mlflow.FindLoggedModels(ctx, t.ExperimentID, t.RunID)
	if err != nil || len(logged) < 2 {
		return err
	}
	versions, err := once.Find(ctx)
	if err != nil {
		return err
	}
	used := func(m mlflow.LoggedModel) bool {
		return slices.ContainsFunc(versions, func(mv mlflow.ModelVersion) bool { return mv.LoggedModelID == m.ID })
	}
	return mlflow.Once[mlflow.LoggedModel]{
		Find: func(context.Context) ([]mlflow.LoggedModel, error) { return logged, nil },
		Discard: func(ctx context.Context, duplicate, _ mlflow.LoggedModel) error {
			if used(duplicate) {
				return nil
			}
			return r.mlflow.DeleteLoggedModel(ctx, duplicate.ID)
		},
	}.Reconcile(ctx, used)
}

// versionOnce finds and discards the versions of a run. The first is the oldest, because MLflow counts them.
func (r *Registry) versionOnce(modelName, runID string) mlflow.Once[mlflow.ModelVersion] {
	return mlflow.Once[mlflow.ModelVersion]{
		Find: func(ctx context.Context) ([]mlflow.ModelVersion, error) {
			found, err := r.mlflow.SearchVersions(ctx, "run_id='"+runID+"' and name='"+modelName+"'")
			if err != nil {
				return nil, fmt.Errorf("look for the version of run %s: %w", runID, outage(err))
			}
			return slices.DeleteFunc(found, func(mv mlflow.ModelVersion) bool { return mv.Name != modelName }), nil
		},
		Discard: r.DiscardVersion,
	}
}

// DiscardVersion deletes a duplicate of a version. A duplicate that was a champion stays, because predictions and the
// history name it. It gets a tag that names the one that was kept.
func (r *Registry) DiscardVersion(ctx context.Context, duplicate, kept mlflow.ModelVersion) error {
	if duplicate.Tags[mlflow.DuplicateTag] == kept.Version {
		return nil
	}
	name, number := duplicate.Name, duplicate.Version
	served, err := r.wasChampion(ctx, name, number)
	if err != nil {
		return err
	}
	if served {
		return outage(r.mlflow.SetVersionTag(ctx, name, number, mlflow.DuplicateTag, kept.Version))
	}
	return outage(r.mlflow.DeleteVersion(ctx, name, number))
}

// wasChampion reports whether a version has an alias, or is or was the champion.
func (r *Registry) wasChampion(ctx context.Context, modelName, number string) (bool, error) {
	mv, err := r.mlflow.GetVersion(ctx, modelName, number)
	if errors.Is(err, mlflow.ErrNotExist) { // another attempt has deleted it
		return false, nil
	}
	if err != nil || len(mv.Aliases) > 0 {
		return true, outage(err)
	}
	champions, _, err := r.readIndex(ctx)
	if err != nil || champions.Models[modelName].To == number {
		return true, err
	}
	entries, _, err := r.History(ctx, modelName, Page{})
	if err != nil {
		return true, err
	}
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.To == number || e.From == number }), nil
}
