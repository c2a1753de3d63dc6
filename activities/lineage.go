package activities

import (
	"context"

	"iris/internal/catalogue"
)

// recordBatch records a batch for the version that scored it and for the dataset that its rows are, if they are one.
// The
// record outlives the results.
func (a *Activities) recordBatch(ctx context.Context, m Manifest) error {
	return a.catalogue.RecordBatch(ctx, catalogue.Batch{
		TaskID: m.TaskID, Model: m.Model, Version: m.Version, Rows: m.Rows, StartedAt: m.StartedAt, FinishedAt: m.FinishedAt,
	}, m.Input)
}
