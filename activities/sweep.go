package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"

	"iris/internal/sweep"
	"iris/model"
)

// SweepStep is what one activity of a sweep looks after.
type SweepStep string

// The steps of a sweep.
const (
	SweepTasks        SweepStep = "tasks"
	SweepRuns         SweepStep = "runs"
	SweepLoggedModels SweepStep = "logged models"
	SweepVersions     SweepStep = "versions"
	SweepUploads      SweepStep = "uploads"
	SweepTrainings    SweepStep = "trainings"
	SweepBatches      SweepStep = "batches"
)

// SweepInput is one step of a sweep.
type SweepInput struct {
	Step     SweepStep      `json:"step"`
	Settings sweep.Settings `json:"settings"`
}

// Sweep finds what tasks left behind, and ends or deletes it. Running it twice is safe, also at the same time: what was
// ended is not found again. A retry continues after the last object that was looked at.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) (sweep.Report, error) {
	var from sweep.Report
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &from); err != nil {
			from = sweep.Report{} // of another version: begin again
		}
	}
	s := sweep.New(sweep.Options{
		MLflow: a.o.MLflow, Registry: a.o.Registry, Store: a.o.Store, Bucket: a.o.Bucket,
		Temporal: activity.GetClient(ctx), Namespace: activity.GetInfo(ctx).Namespace,
		Logger: activity.GetLogger(ctx), Outcome: a.o.Outcome,
		Beat:     func(r sweep.Report) { activity.RecordHeartbeat(ctx, r) },
		Settings: in.Settings,
	}, from)
	steps := map[SweepStep]func(context.Context) (sweep.Report, error){
		SweepTasks: s.Tasks, SweepRuns: s.Runs, SweepLoggedModels: s.LoggedModels, SweepVersions: s.Versions,
		SweepUploads: s.Uploads, SweepTrainings: s.Trainings, SweepBatches: s.Batches,
	}
	step, ok := steps[in.Step]
	if !ok {
		err := &model.SpecError{Pointer: "/step", Reason: fmt.Sprintf("a sweep has no step %q", in.Step)}
		return sweep.Report{}, translate(ctx, err)
	}
	report, err := step(ctx)
	return report, translate(ctx, err)
}
