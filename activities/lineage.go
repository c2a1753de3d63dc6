package activities

import (
	"context"

	"iris/internal/registry"
)

// noteBatch makes a batch known to the version that scored it, and to the dataset that its rows were, for longer than
// its
// results are kept.
func (a *Activities) noteBatch(ctx context.Context, m Manifest) error {
	return a.o.Registry.NoteBatch(ctx, registry.Batch{
		TaskID: m.TaskID, Model: m.Model, Version: m.Version, Rows: m.Rows, StartedAt: m.StartedAt, FinishedAt: m.FinishedAt,
	}, m.Input)
}
