package activities

import (
	"context"
	"io"
	"time"

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
	Metrics map[string]float64 `json:"metrics"` // over all classes; MLflow has those per class
	Report  objstore.Ref       `json:"report"`  // report.Files
}

// EvaluateModel scores the held-out rows with the stored model, logs the metrics, and stores the report for the folder
// of the version. Running it twice is safe: it logs the same metrics and overwrites the same object.
func (a *Activities) EvaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	_, stop := beat(ctx)
	defer stop()
	e, err := a.evaluateModel(ctx, in)
	return e, translate(ctx, err)
}

func (a *Activities) evaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	held, err := a.rows(ctx, in.Dataset, in.Model.TestRows, in.Model.Split.HeldOut)
	if err != nil {
		return Evaluation{}, err
	}
	m, _, err := a.load(ctx, in.Model.Artifact)
	if err != nil {
		return Evaluation{}, err
	}
	metrics, err := model.Evaluate(m, held)
	if err != nil {
		return Evaluation{}, err
	}
	if err := a.logMetrics(ctx, in, metrics); err != nil {
		return Evaluation{}, err
	}
	files, err := report.Draw(ctx, m, metrics, held, in.Model.Split.Seed)
	if err != nil {
		return Evaluation{}, err
	}
	ref, err := a.o.Store.PutJSON(ctx, a.o.Bucket, objstore.TrainingKey(in.Run.ID, "report.json"), files)
	return Evaluation{Metrics: metrics.Summary(), Report: ref}, err
}

func (a *Activities) logMetrics(ctx context.Context, in EvaluateModelInput, m model.Metrics) error {
	now := time.Now()
	flat := m.Flat()
	flat["fit_seconds"] = in.Model.Seconds
	batch := mlflow.Batch{}
	for key, value := range flat {
		batch.Metrics = append(batch.Metrics, mlflow.Metric{Key: key, Value: value, Time: now})
	}
	return a.o.MLflow.LogBatch(ctx, in.Run.ID, batch)
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
