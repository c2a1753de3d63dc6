package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/workflows"
)

const (
	// sweepSchedule is the id of the schedule of the sweep, one per namespace.
	sweepSchedule = "iris-sweep"
	// sweepJitter spreads the sweeps of several installations on one Temporal or MLflow.
	sweepJitter = 30 * time.Second
	// sweepTimeout ends a sweep that hangs. Until then the schedule starts no other.
	sweepTimeout = 12 * time.Hour
	// scheduleTimeout bounds the creation of the schedule, so that a worker starts soon without it.
	scheduleTimeout = 10 * time.Second
)

// SweepConfig says how often the sweep runs, and when a thing counts as left behind.
type SweepConfig struct {
	Interval  time.Duration // 0 turns the schedule off
	Grace     time.Duration // after the end of a task
	Leftovers time.Duration // after the end of a task, for its objects
}

func (c SweepConfig) settings(dryRun bool) workflows.SweepSettings {
	return workflows.SweepSettings{Grace: c.Grace, Leftovers: c.Leftovers, DryRun: dryRun}
}

// ensureSweep creates the schedule of the sweep, or brings it up to date, so that several workers may start with the
// same settings. It keeps the state of an existing one: somebody may have paused it.
func (s *System) ensureSweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, scheduleTimeout)
	defer cancel()
	schedules := s.Temporal.ScheduleClient()
	handle := schedules.GetHandle(ctx, sweepSchedule)
	if s.config.Sweep.Interval <= 0 {
		err := handle.Delete(ctx)
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			return nil
		}
		return err
	}
	spec := client.ScheduleSpec{
		Intervals: []client.ScheduleIntervalSpec{{Every: s.config.Sweep.Interval}},
		Jitter:    min(sweepJitter, s.config.Sweep.Interval/2),
	}
	action := &client.ScheduleWorkflowAction{
		ID: "sweep", Workflow: workflows.Sweep, TaskQueue: workflows.TaskQueue, WorkflowExecutionTimeout: sweepTimeout,
		Args: []any{s.config.Sweep.settings(false)}, StaticSummary: "end what tasks left behind",
	}
	_, err := schedules.Create(ctx, client.ScheduleOptions{
		ID: sweepSchedule, Spec: spec, Action: action,
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: s.config.Sweep.Interval, // after an outage of Temporal one sweep is enough
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := in.Description.Schedule
			schedule.Spec, schedule.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
}

// Sweep runs a sweep now, on a worker, and prints what it did. A dry run changes nothing.
func (s *System) Sweep(ctx context.Context, dryRun bool, out io.Writer) error {
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "sweep-" + strings.ToLower(rand.Text()), TaskQueue: workflows.TaskQueue,
		WorkflowExecutionTimeout: sweepTimeout, StaticSummary: "started by iris sweep",
	}, workflows.Sweep, s.config.Sweep.settings(dryRun))
	if err != nil {
		return fmt.Errorf("start the sweep: %w", err)
	}
	var result workflows.SweepResult
	if err := run.Get(ctx, &result); err != nil {
		return fmt.Errorf("sweep %s: %w", run.GetID(), err)
	}
	return printSweep(out, result)
}

// printSweep prints the result of a sweep. It returns an error if a part of the sweep failed.
func printSweep(out io.Writer, result workflows.SweepResult) error {
	var text strings.Builder
	var failed error
	verb := "ended"
	if result.DryRun {
		verb = "to end"
	}
	for _, step := range result.Steps {
		fmt.Fprintf(&text, "%s: %d checked, %d %s\n", step.Step, step.Checked, step.Acted, verb)
		for _, act := range step.Acts {
			fmt.Fprintf(&text, "  %s\n", act)
		}
		switch {
		case step.Error != "":
			failed = errors.Join(failed, fmt.Errorf("sweep %s: %s", step.Step, step.Error))
		case step.Failed > 0:
			failed = errors.Join(failed, fmt.Errorf("sweep %s: %d attempts failed; the worker's log says why",
				step.Step, step.Failed))
		}
	}
	_, err := io.WriteString(out, text.String())
	return errors.Join(err, failed)
}
