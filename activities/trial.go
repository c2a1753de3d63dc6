package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/sweep"
	"iris/model"
)

// Tags of the run of a trial. The first makes it a child of the training's run in MLflow. The second finds it when
// RunTrial runs twice.
const (
	tagParent = sweep.TagParent
	tagTrial  = sweep.TagTrial
)

// RunTrialInput is the spec to try, and the rows to try it on.
type RunTrialInput struct {
	Dataset  Dataset               `json:"dataset"`
	Spec     model.Spec            `json:"spec"`
	TestSize float64               `json:"test_size"`
	Share    float64               `json:"share"` // of the rows for training, 0 < share <= 1
	CV       model.CrossValidation `json:"cv"`
	Parent   Run                   `json:"parent"`         // of the training
	Name     string                `json:"name"`           // unique within the training
	Hold     bool                  `json:"hold,omitempty"` // keep what the fits predict for rows that they did not train on
}

// TriedSpec is the result of a trial.
type TriedSpec struct {
	RunID   string  `json:"run_id"`            // of the trial
	Rows    int     `json:"rows"`              // that the trial used
	Seconds float64 `json:"seconds,omitempty"` // of computing
	model.Validated
	HeldOut *objstore.Ref `json:"held_out,omitempty"` // a model.HeldOut

	Warnings []string `json:"warnings,omitempty"` // what MLflow does not show
}

// RunTrial cross-validates a spec on the rows for training; it never uses held-out rows. It opens a run in MLflow, a
// child of the training's run, and finishes it on success. CloseTrial finishes it otherwise. Running it twice is safe:
// the second attempt finds the run of the first one by its tag, and the result that the first one stored.
func (a *Activities) RunTrial(ctx context.Context, in RunTrialInput) (TriedSpec, error) {
	if err := checkDeaths(ctx, "fit"); err != nil {
		return TriedSpec{}, translate(ctx, err)
	}
	beats, stop := beat(ctx)
	defer stop()
	report := func(p Progress) {
		p.Trial = in.Name
		beats(p)
	}
	report(Progress{})
	tried, err := a.runTrial(ctx, in, report)
	return tried, translate(ctx, err)
}

func (a *Activities) runTrial(ctx context.Context, in RunTrialInput, report func(Progress)) (TriedSpec, error) {
	run, err := a.startTrial(ctx, in)
	if err != nil {
		return TriedSpec{}, err
	}
	key := objstore.TrialKey(in.Parent.ID, in.Name)
	trial, found, err := recall[triedRows](ctx, a, key, in)
	if err == nil && !found {
		trial, err = a.try(ctx, in, report)
		if err == nil {
			trial, err = remember(ctx, a, key, in, trial)
		}
	}
	// One request logs everything, also for a failed trial: a search has many trials, whose fits may take milliseconds.
	batch := mlflow.Batch{Params: trialParams(in), Metrics: trial.Points}
	n := notes{a: a}
	if logErr := n.batch(ctx, "MLflow does not show the scores of each trial", run.ID, batch); err == nil {
		err = logErr
	}
	if err != nil {
		return TriedSpec{}, err
	}
	tried := TriedSpec{
		RunID: run.ID, Rows: trial.Result.Rows, Seconds: trial.Result.Seconds, Validated: trial.Result.Validated,
		HeldOut: trial.Result.HeldOut, Warnings: n.dropped,
	}
	return tried, a.o.MLflow.UpdateRun(ctx, run.ID, mlflow.RunFinished, time.Now())
}

// triedRows is the result of a cross-validation.
type triedRows struct {
	Rows      int             `json:"rows"`
	Seconds   float64         `json:"seconds"`
	Validated model.Validated `json:"validated"`
	HeldOut   *objstore.Ref   `json:"held_out,omitempty"`
}

// try cross-validates a spec. After an error it still returns the points of the fits before.
func (a *Activities) try(
	ctx context.Context, in RunTrialInput, report func(Progress),
) (trial stored[triedRows], err error) {
	at := activity.GetInfo(ctx).ScheduledTime // the same for every attempt
	job := fitJob{Dataset: in.Dataset, Spec: in.Spec, TestSize: in.TestSize, Share: in.Share, CV: &in.CV, Hold: in.Hold}
	fitted, err := a.fit(ctx, job, report, func(s fitStep) {
		report(Progress{Done: int64(s.Iteration), Total: int64(s.Total), Unit: "fits", Loss: s.Loss})
		for name, value := range s.Metrics {
			point := mlflow.Metric{Key: name, Value: value, Time: at, Step: int64(s.Iteration - 1)}
			trial.Points = append(trial.Points, point)
		}
	})
	if err != nil {
		return trial, err
	}
	seconds := mlflow.Metric{Key: "fit_seconds", Value: fitted.Seconds, Time: at}
	trial.Points = append(append(trial.Points, validatedMetrics(*fitted.Validated, at)...), seconds)
	trial.Result = triedRows{Rows: fitted.TrainRows, Seconds: fitted.Seconds, Validated: *fitted.Validated}
	if in.Hold {
		trial.Result.HeldOut, err = a.keepHeldOut(ctx, in, fitted.encoded)
	}
	return trial, err
}

// startTrial finds the run of a trial, or opens it.
func (a *Activities) startTrial(ctx context.Context, in RunTrialInput) (mlflow.Run, error) {
	return a.o.MLflow.EnsureRun(ctx, mlflow.NewRun{
		ExperimentID: in.Parent.ExperimentID,
		Name:         in.Name,
		Start:        activity.GetInfo(ctx).StartedTime,
		Tags: map[string]string{
			tagParent:                  in.Parent.ID,
			tagTrial:                   trialKey(in.Parent, in.Name),
			tagDataset:                 in.Dataset.SHA256,
			"mlflow.source.name":       "iris",
			"mlflow.source.type":       "JOB",
			"mlflow.source.git.commit": a.o.GitCommit,
			"mlflow.user":              "iris",
		},
	}, tagTrial)
}

// trialParams returns the parameters of the run of a trial.
func trialParams(in RunTrialInput) map[string]string {
	params := in.Spec.Params()
	params["cv_folds"], params["repeats"] = strconv.Itoa(in.CV.Folds), strconv.Itoa(in.CV.Repeats)
	params["share"] = strconv.FormatFloat(in.Share, 'g', 6, 64)
	return params
}

// trialKey identifies a trial among the trials of all trainings.
func trialKey(parent Run, name string) string { return parent.ID + "/" + name }

// validatedMetrics returns the number of folds, the means and the standard deviations of a cross-validation as metrics
// for MLflow.
func validatedMetrics(v model.Validated, at time.Time) []mlflow.Metric {
	points := make([]mlflow.Metric, 0, 2*len(v.Scores)+1)
	if v.Folds > 0 { // 0 is the result of an older worker
		points = append(points, mlflow.Metric{Key: "cv_folds", Value: float64(v.Folds), Time: at})
	}
	for name, score := range v.Scores {
		points = append(points,
			mlflow.Metric{Key: "cv_" + name, Value: score.Mean, Time: at},
			mlflow.Metric{Key: "cv_" + name + "_std", Value: score.Std, Time: at})
	}
	return points
}

// CloseTrialInput is how a failed or cancelled trial ended.
type CloseTrialInput struct {
	Parent Run              `json:"parent"`
	Name   string           `json:"name"`
	Status mlflow.RunStatus `json:"status"`
	Reason string           `json:"reason"`
}

// CloseTrial ends the run of a trial that failed or was cancelled, if RunTrial opened one. Running it twice is safe: it
// sets the same tag and the same status.
func (a *Activities) CloseTrial(ctx context.Context, in CloseTrialInput) error {
	return translate(ctx, a.closeTrial(ctx, in))
}

func (a *Activities) closeTrial(ctx context.Context, in CloseTrialInput) error {
	run, err := a.o.MLflow.FindRun(ctx, in.Parent.ExperimentID, tagTrial, trialKey(in.Parent, in.Name))
	if errors.Is(err, mlflow.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	reason := mlflow.Batch{Tags: map[string]string{"reason": in.Reason}}
	n := notes{a: a} // the status of the training has the reason
	if err := n.batch(ctx, "MLflow does not show why a trial ended", run.ID, reason); err != nil {
		return err
	}
	return a.o.MLflow.UpdateRun(ctx, run.ID, in.Status, time.Now())
}

// LogChoiceInput is the chosen trial of a training, and the reason.
type LogChoiceInput struct {
	Run    Run        `json:"run"` // of the training
	Spec   model.Spec `json:"spec"`
	Trial  TriedSpec  `json:"trial"`
	Reason string     `json:"reason"`
}

// LogChoice adds the chosen spec and its scores to the run of a training. Running it twice is safe: MLflow accepts a
// parameter with the same value again.
func (a *Activities) LogChoice(ctx context.Context, in LogChoiceInput) error {
	_, stop := beat(ctx)
	defer stop()
	err := a.o.MLflow.LogBatch(ctx, in.Run.ID, mlflow.Batch{
		Params:  in.Spec.Params(),
		Metrics: validatedMetrics(in.Trial.Validated, activity.GetInfo(ctx).ScheduledTime),
		Tags:    map[string]string{"search.best_run": in.Trial.RunID, "search.choice": in.Reason},
	})
	if err != nil {
		return translate(ctx, fmt.Errorf("log the choice: %w", err))
	}
	return nil
}

// runParams returns the parameters that the run of a training starts with: those of its spec, or of the search for it.
// MLflow does not let a parameter change, so undecided parameters are absent.
func runParams(in StartRunInput) map[string]string {
	params := maps.Clone(in.Search)
	if params == nil {
		params = in.Spec.Params()
	}
	params["test_size"] = strconv.FormatFloat(in.TestSize, 'g', -1, 64)
	return params
}
