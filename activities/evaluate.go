package activities

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/report"
	"iris/model"
)

// EvaluateModelInput is a fitted model and the dataset it was fitted on.
type EvaluateModelInput struct {
	Dataset Dataset      `json:"dataset"`
	Model   TrainedModel `json:"model"`
	Run     Run          `json:"run"`
}

// Evaluation is the result of a model on the rows it has not seen.
type Evaluation struct {
	Metrics   map[string]float64        `json:"metrics"`             // over all classes; MLflow has those per class
	Intervals map[string]model.Interval `json:"intervals,omitempty"` // by metric; older evaluations have none
	Report    objstore.Ref              `json:"report"`              // report.Files

	Warnings []string `json:"warnings,omitempty"` // what was not drawn, and what MLflow does not show
}

// EvaluateModel scores the held-out rows with the stored model, logs the metrics, and stores the report for the folder
// of the version. Running it twice is safe: the second attempt finds the evaluation that the first one stored, and logs
// the same metrics.
func (a *Activities) EvaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	_, stop := beat(ctx)
	defer stop()
	e, err := a.evaluateModel(ctx, in)
	return e, translate(ctx, err)
}

func (a *Activities) evaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	key := objstore.TrainingKey(in.Run.ID, evaluationFile)
	e, found, err := recall[Evaluation](ctx, a, key, in)
	if err == nil && !found {
		e, err = a.evaluate(ctx, in)
		if err == nil {
			e, err = remember(ctx, a, key, in, e)
		}
	}
	if err != nil {
		return Evaluation{}, err
	}
	n := notes{a: a, dropped: e.Result.Warnings}
	err = n.batch(ctx, "MLflow does not show the metrics of the run", in.Run.ID, mlflow.Batch{
		Metrics: e.Points, Params: in.Model.Decision.Params(),
	})
	e.Result.Warnings = n.dropped
	return e.Result, err
}

// evaluate scores the held-out rows and stores the report.
func (a *Activities) evaluate(ctx context.Context, in EvaluateModelInput) (stored[Evaluation], error) {
	giveBack, err := a.takeTable(ctx, in.Dataset, in.Model.TestRows)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	defer giveBack()
	held, err := a.rows(ctx, in.Dataset, in.Model.TestRows, in.Model.Split)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	m, _, err := a.load(ctx, in.Model.Artifact)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	metrics, err := model.EvaluateWithIntervals(m, held)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	files, failed, err := report.Draw(ctx, m, metrics, held, in.Model.Split.Seed)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	n := notes{a: a}
	for _, part := range slices.Sorted(maps.Keys(failed)) {
		n.drop(ctx, "the version has no "+part, failed[part])
	}
	view, err := a.view(ctx, in.Dataset)
	if err != nil {
		return stored[Evaluation]{}, err
	}
	data := view.Report(in.Dataset.SHA256)
	data.Warnings = append(data.Warnings, in.Model.Shift...)
	if files["data_report.json"], err = json.MarshalIndent(data, "", " "); err != nil {
		return stored[Evaluation]{}, err
	}
	ref, err := a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.TrainingKey(in.Run.ID, reportFile), files)
	result := Evaluation{
		Metrics: metrics.Summary(), Intervals: metrics.Intervals, Report: ref, Warnings: n.dropped,
	}
	return stored[Evaluation]{Result: result, Points: evaluatedMetrics(ctx, in, metrics)}, err
}

// evaluatedMetrics returns the metrics of an evaluation for MLflow.
func evaluatedMetrics(ctx context.Context, in EvaluateModelInput, m model.Metrics) []mlflow.Metric {
	at := activity.GetInfo(ctx).ScheduledTime
	flat := m.Flat()
	flat["fit_seconds"] = in.Model.Seconds
	points := make([]mlflow.Metric, 0, len(flat))
	for key, value := range flat {
		points = append(points, mlflow.Metric{Key: key, Value: value, Time: at})
	}
	return points
}

// bytes reads a whole object into memory. It is for models and other small objects, not for data.
func (a *Activities) bytes(ctx context.Context, ref objstore.Ref) ([]byte, error) {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read only
	return io.ReadAll(body)
}
