package sweep

import (
	"context"
	"errors"
	"slices"

	"iris/internal/mlflow"
)

// Versions discards the duplicates of versions: MLflow may act on the creation of a version after its training has
// ended. The oldest version of a training stays.
func (s *Sweeper) Versions(ctx context.Context) (Report, error) {
	since := s.now.Add(-max(recentWindow, 2*s.o.Grace))
	recent, err := s.o.MLflow.RecentVersions(ctx, since)
	if err != nil {
		return s.report, err
	}
	for _, twins := range twinsOf(recent) {
		s.check()
		task := twins[0].Tags[tagTask]
		training, err := s.o.MLflow.GetRun(ctx, twins[0].RunID)
		if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
			return s.report, err
		}
		_, over, err := s.isOver(ctx, task, training, twins[len(twins)-1].Created)
		if err != nil {
			return s.report, err
		}
		if !over {
			continue
		}
		kept := twins[0]
		for _, duplicate := range twins[1:] {
			what := "version " + duplicate.Version + " of " + duplicate.Name + " is discarded"
			why := "version " + kept.Version + " is of the same training, " + task
			s.act(ctx, what, why, func() error { return s.o.Registry.DiscardVersion(ctx, duplicate, kept) })
		}
	}
	return s.report, nil
}

// twinsOf returns the versions that share a model and a training, the oldest first. The list is sorted by name and
// number. Versions that a person made have no task, or another source than a logged model. A duplicate that is marked
// already is left out.
func twinsOf(versions []mlflow.ModelVersion) (groups [][]mlflow.ModelVersion) {
	type training struct{ model, run, task string }
	byTraining := map[training][]mlflow.ModelVersion{}
	var order []training
	for _, v := range versions {
		t := training{v.Name, v.RunID, v.Tags[tagTask]}
		if t.run == "" || t.task == "" || v.LoggedModelID == "" || v.Tags[mlflow.DuplicateTag] != "" {
			continue
		}
		if byTraining[t] == nil {
			order = append(order, t)
		}
		byTraining[t] = append(byTraining[t], v)
	}
	for _, t := range order {
		groups = append(groups, byTraining[t])
	}
	return slices.DeleteFunc(groups, func(twins []mlflow.ModelVersion) bool { return len(twins) < 2 })
}
