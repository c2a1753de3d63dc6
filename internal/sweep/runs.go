package sweep

import (
	"context"
	"errors"
	"time"

	"iris/internal/mlflow"
)

// Tags of the runs of Iris. TagExecution and TagWorkflow are on the run of a training, TagParent and TagTrial on that
// of a trial.
const (
	TagExecution = "temporal.run_id"
	TagWorkflow  = "temporal.workflow_id"
	TagParent    = "mlflow.parentRunId"
	TagTrial     = "trial"
	tagSource    = "mlflow.source.name"
	tagTask      = "iris.task_id" // on logged models and versions
	tagReason    = "reason"
	source       = "iris"
)

// Runs ends the runs that stay RUNNING although their task has ended.
func (s *Sweeper) Runs(ctx context.Context) (Report, error) {
	experiments, err := s.o.MLflow.Experiments(ctx)
	if err != nil {
		return s.report, err
	}
	running, err := s.o.MLflow.RunningRuns(ctx, experiments, s.now.Add(-s.o.Grace))
	if err != nil {
		return s.report, err
	}
	for _, run := range running {
		if run.Tags[tagSource] != source {
			continue
		}
		s.check()
		training, ok, err := s.trainingOf(ctx, run)
		if err != nil {
			return s.report, err
		}
		if !ok {
			continue
		}
		f, over, err := s.isOver(ctx, training.Tags[TagWorkflow], training, run.Start)
		if err != nil {
			return s.report, err
		}
		if !over {
			continue
		}
		status, why := endOfRun(f, training.Tags[TagExecution])
		s.act(ctx, "run "+run.ID+" of "+training.Tags[TagWorkflow]+" becomes "+string(status), why, func() error {
			tags := map[string]string{tagReason: "ended by the sweep: " + why}
			if err := s.o.MLflow.LogBatch(ctx, run.ID, mlflow.Batch{Tags: tags}); err != nil {
				return err
			}
			return s.o.MLflow.UpdateRun(ctx, run.ID, status, s.now)
		})
	}
	return s.report, nil
}

// trainingOf returns the run of the training that a run belongs to: itself, or the parent of a trial. ok is false if it
// is not Iris' own.
func (s *Sweeper) trainingOf(ctx context.Context, run mlflow.Run) (training mlflow.Run, ok bool, err error) {
	if run.Tags[TagWorkflow] != "" {
		return run, true, nil
	}
	parent := run.Tags[TagParent]
	if parent == "" || run.Tags[TagTrial] == "" {
		return mlflow.Run{}, false, nil
	}
	training, found := s.runs[parent]
	if !found {
		training, err = s.o.MLflow.GetRun(ctx, parent)
		if errors.Is(err, mlflow.ErrNotExist) {
			return mlflow.Run{}, false, nil
		}
		if err != nil {
			return mlflow.Run{}, false, err
		}
		s.runs[parent] = training
	}
	return training, training.Tags[TagWorkflow] != "", nil
}

// isOver reports whether the task of a training has ended and is Iris' own. began is when the thing in question began.
func (s *Sweeper) isOver(
	ctx context.Context, workflowID string, training mlflow.Run, began time.Time,
) (f fate, over bool, err error) {
	if f, err = s.fateOf(ctx, workflowID); err != nil || !ended(f, began, s.now, s.o.Grace) {
		return f, false, err
	}
	execution := training.Tags[TagExecution]
	if f.known() && f.execution == execution {
		return f, true, nil
	}
	over, err = s.owns(ctx, workflowID, execution, training.ID)
	return f, over, err
}

// recentWindow is how old a logged model or a version may be for the sweep to see it. MLflow cannot search for the
// status of a logged model or for duplicates, so the sweep reads all of that time.
const recentWindow = 7 * 24 * time.Hour

// LoggedModels ends the logged models that stay PENDING although their task has ended: they become UPLOAD_FAILED.
func (s *Sweeper) LoggedModels(ctx context.Context) (Report, error) {
	experiments, err := s.o.MLflow.Experiments(ctx)
	if err != nil {
		return s.report, err
	}
	pending, err := s.o.MLflow.PendingLoggedModels(
		ctx, experiments, s.now.Add(-max(recentWindow, 2*s.o.Grace)), s.now.Add(-s.o.Grace))
	if err != nil {
		return s.report, err
	}
	for _, logged := range pending {
		task := logged.Tags[tagTask]
		if task == "" {
			continue
		}
		s.check()
		training, err := s.o.MLflow.GetRun(ctx, logged.RunID)
		if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
			return s.report, err
		}
		f, over, err := s.isOver(ctx, task, training, logged.Created)
		if err != nil {
			return s.report, err
		}
		if !over {
			continue
		}
		_, why := endOfRun(f, training.Tags[TagExecution])
		s.act(ctx, "logged model "+logged.ID+" of "+task+" becomes UPLOAD_FAILED", why, func() error {
			return s.o.MLflow.FinishLoggedModel(ctx, logged.ID, mlflow.LoggedModelUploadFailed)
		})
	}
	return s.report, nil
}
