package activities

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"go.temporal.io/sdk/activity"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/internal/sweep"
	"iris/model"
)

// Tags of a run. The first finds the run again when StartRun runs twice.
const (
	tagExecution  = sweep.TagExecution
	tagWorkflowID = sweep.TagWorkflow
	tagDataset    = "dataset.sha256"
)

// digestLength is how much of a dataset's hash becomes its digest in MLflow, which allows 36 characters.
const digestLength = 32

// StartRunInput is what MLflow shows about a training from its start.
type StartRunInput struct {
	Model    string     `json:"model"`
	Dataset  Dataset    `json:"dataset"`
	Spec     model.Spec `json:"spec"`
	TestSize float64    `json:"test_size"`
	// Search describes the search for the spec. If it is given, LogChoice logs the spec later.
	Search map[string]string `json:"search,omitempty"`

	Tags map[string]string `json:"tags,omitempty"` // of the request
}

// Run is a run in MLflow.
type Run struct {
	ID           string `json:"id"`
	ExperimentID string `json:"experiment_id"`
	ArtifactURI  string `json:"artifact_uri"`

	Warnings []string `json:"warnings,omitempty"` // of StartRun: what MLflow does not show
}

// StartRun opens the run of a training in MLflow with its parameters, tags and dataset. The experiment is named after
// the model. Running it twice is safe: it finds the run of the first attempt by the id of the workflow's run.
func (a *Activities) StartRun(ctx context.Context, in StartRunInput) (Run, error) {
	_, stop := beat(ctx)
	defer stop()
	run, err := a.startRun(ctx, in)
	return run, translate(ctx, err)
}

func (a *Activities) startRun(ctx context.Context, in StartRunInput) (Run, error) {
	if err := a.trace(ctx, in.Model); err != nil {
		return Run{}, err
	}
	experiment, err := a.o.MLflow.EnsureExperiment(ctx, in.Model)
	if err != nil {
		return Run{}, err
	}
	info := activity.GetInfo(ctx).WorkflowExecution
	tags := map[string]string{
		tagExecution: info.RunID, tagWorkflowID: info.ID, tagDataset: in.Dataset.SHA256,
		"mlflow.source.name": "iris", "mlflow.source.type": "JOB", "mlflow.user": "iris",
		"mlflow.note.content": "Training of `" + in.Model + "`, Temporal workflow `" + info.ID + "`.",
	}
	if a.o.GitCommit != "" {
		tags["mlflow.source.git.commit"] = a.o.GitCommit
	}
	maps.Copy(tags, in.Tags) // the workflow has rejected reserved keys
	run, err := a.o.MLflow.EnsureRun(ctx, mlflow.NewRun{
		ExperimentID: experiment, Name: info.ID, Start: activity.GetInfo(ctx).StartedTime, Tags: tags,
	}, tagExecution)
	if err != nil {
		return Run{}, err
	}
	started := Run{ID: run.ID, ExperimentID: experiment, ArtifactURI: run.ArtifactURI}
	n := notes{a: a}
	params := mlflow.Batch{Params: runParams(in)}
	if err := n.batch(ctx, "MLflow does not show the parameters of the run", run.ID, params); err != nil {
		return Run{}, err
	}
	logged, err := a.datasetOf(ctx, in)
	if err != nil {
		return Run{}, err
	}
	err = n.take(ctx, "MLflow does not show the dataset of the run", a.o.MLflow.LogDataset(ctx, run.ID, logged))
	started.Warnings = n.dropped
	return started, err
}

// datasetOf returns what MLflow shows about the dataset of a training.
func (a *Activities) datasetOf(ctx context.Context, in StartRunInput) (mlflow.Dataset, error) {
	view, err := a.view(ctx, in.Dataset)
	if err != nil {
		return mlflow.Dataset{}, err
	}
	columns := append(datasetColumns(&view.Schema), mlflow.Column{Name: view.Schema.Label, Type: "string"})
	return mlflow.Dataset{
		Name: in.Model, Digest: in.Dataset.SHA256[:digestLength], SourceURI: in.Dataset.Data.URI(),
		Columns: columns, Rows: in.Dataset.Rows, Context: "training", Profile: loggedProfile(view.Profile),
	}, nil
}

// maxLoggedProfile limits the profile of a dataset in MLflow, in bytes. The object store has the whole profile.
const maxLoggedProfile = 64 << 10

// loggedProfile returns the profile of a dataset for MLflow. If the dataset has too many features, it omits the
// histograms, and then the features. It returns nil if the classes alone are too many.
func loggedProfile(p dataset.Profile) map[string]any {
	type summary struct {
		Name string  `json:"name"`
		Min  float64 `json:"min"`
		Max  float64 `json:"max"`
		Mean float64 `json:"mean"`
		Std  float64 `json:"std"`
	}
	summaries := make([]summary, len(p.Columns))
	for i, c := range p.Columns {
		summaries[i] = summary{c.Name, c.Min, c.Max, c.Mean, c.Std}
	}
	for _, features := range []any{p.Columns, summaries} {
		profile := map[string]any{"features": features, "classes": p.Classes}
		if encoded, err := json.Marshal(profile); err == nil && len(encoded) <= maxLoggedProfile {
			return profile
		}
	}
	return nil
}

// FinishRunInput is how a training ended.
type FinishRunInput struct {
	Model  string           `json:"model"`
	Run    Run              `json:"run"` // empty if StartRun never answered
	Status mlflow.RunStatus `json:"status"`
	Gate   string           `json:"gate,omitempty"`   // the decision
	Reason string           `json:"reason,omitempty"` // of the decision, or of the failure

	Version string `json:"version,omitempty"` // of the run, "" for none; it gets the decision too
}

// FinishedRun is the result of FinishRun.
type FinishedRun struct {
	Warnings []string `json:"warnings,omitempty"` // what MLflow does not show
}

// FinishRun ends the run of a training and its trials, so that none stays RUNNING, and removes what MLflow has created
// twice. If StartRun never answered, it looks for the run that StartRun may have opened. Running it twice is safe: it
// sets the same tags and the same status.
func (a *Activities) FinishRun(ctx context.Context, in FinishRunInput) (FinishedRun, error) {
	n := notes{a: a}
	err := a.finishRun(ctx, in, &n)
	return FinishedRun{Warnings: n.dropped}, translate(ctx, err)
}

func (a *Activities) finishRun(ctx context.Context, in FinishRunInput, n *notes) error {
	if in.Run.ID == "" {
		run, err := a.findRun(ctx, in.Model)
		if errors.Is(err, mlflow.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		in.Run = run
	}
	tags := map[string]string{}
	if in.Gate != "" {
		tags["gate"] = in.Gate
	}
	if in.Reason != "" {
		tags["reason"] = in.Reason
	}
	ending := mlflow.Batch{Tags: tags}
	if err := n.batch(ctx, "the run in MLflow does not show how it ended", in.Run.ID, ending); err != nil {
		return err
	}
	if err := a.o.MLflow.UpdateRun(ctx, in.Run.ID, in.Status, time.Now()); err != nil {
		return err
	}
	if err := a.reconcile(ctx, in); err != nil {
		return err
	}
	if err := n.take(ctx, "the loss curve in MLflow is incomplete", a.completeCurve(ctx, in.Run.ID)); err != nil {
		return err
	}
	if in.Gate == "" || in.Version == "" {
		return nil
	}
	err := a.o.Registry.RecordGate(ctx, in.Model, in.Version, in.Gate, in.Reason)
	return n.take(ctx, "the version in MLflow does not show the decision of the gate", err)
}

// findRun returns the run that StartRun has opened, or mlflow.ErrNotExist.
func (a *Activities) findRun(ctx context.Context, modelName string) (Run, error) {
	experiment, err := a.o.MLflow.EnsureExperiment(ctx, modelName)
	if err != nil {
		return Run{}, err
	}
	execution := activity.GetInfo(ctx).WorkflowExecution.RunID
	run, err := a.o.MLflow.FindRun(ctx, experiment, tagExecution, execution)
	return Run{ID: run.ID, ExperimentID: experiment, ArtifactURI: run.ArtifactURI}, err
}

// reconcile removes what MLflow has created twice for a training. It comes last, because MLflow may act on a request
// long after the client has given up on it.
func (a *Activities) reconcile(ctx context.Context, in FinishRunInput) error {
	execution := activity.GetInfo(ctx).WorkflowExecution.RunID
	err := a.o.MLflow.DeleteDuplicateRuns(ctx, in.Run.ExperimentID, tagExecution, execution, in.Run.ID)
	if err != nil {
		return err
	}
	if err := a.closeTrials(ctx, in.Run); err != nil {
		return err
	}
	return a.o.Registry.Reconcile(ctx, registry.Trained{
		Model: in.Model, ExperimentID: in.Run.ExperimentID, RunID: in.Run.ID, Version: in.Version,
	})
}

// closeTrials removes duplicates of the trials of a training, and kills the trials that MLflow has opened late.
func (a *Activities) closeTrials(ctx context.Context, parent Run) error {
	runs, err := a.o.MLflow.FindRuns(ctx, parent.ExperimentID, tagParent, parent.ID)
	if err != nil {
		return err
	}
	seen := map[string]bool{} // trials
	for _, run := range runs {
		trial := run.Tags[tagTrial]
		switch {
		case trial == "": // a person has put it there
		case seen[trial]:
			err = a.o.MLflow.DeleteDuplicateRuns(ctx, parent.ExperimentID, tagTrial, trial, "")
		case run.Status == mlflow.RunRunning:
			err = a.o.MLflow.UpdateRun(ctx, run.ID, mlflow.RunKilled, time.Now())
		}
		if err != nil {
			return err
		}
		seen[trial] = true
	}
	return nil
}
