package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/model"
)

// EvaluateModelInput names a fitted model and the data it was fitted on.
type EvaluateModelInput struct {
	Dataset Dataset      `json:"dataset"`
	Model   TrainedModel `json:"model"`
	Run     Run          `json:"run"`
}

// Evaluation is how a model did on the rows it had not seen.
type Evaluation struct {
	Metrics map[string]float64 `json:"metrics"` // those of the whole; the ones per class are in MLflow
}

// EvaluateModel scores the held-out rows with the model as it was stored, and logs the metrics, the confusion
// matrix, curves of the probabilities and the importance of the features.
func (a *Activities) EvaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	_, stop := beat(ctx)
	defer stop()
	e, err := a.evaluateModel(ctx, in)
	return e, translate(err)
}

func (a *Activities) evaluateModel(ctx context.Context, in EvaluateModelInput) (Evaluation, error) {
	table, err := a.table(ctx, in.Dataset)
	if err != nil {
		return Evaluation{}, err
	}
	m, _, err := a.load(ctx, in.Model.Artifact)
	if err != nil {
		return Evaluation{}, err
	}
	_, test := in.Model.Split.Rows(table)
	held := table.Subset(test)
	metrics, err := model.Evaluate(m, held)
	if err != nil {
		return Evaluation{}, err
	}
	if err := a.logMetrics(ctx, in, metrics); err != nil {
		return Evaluation{}, err
	}
	if err := a.logReport(ctx, in, m, held); err != nil {
		return Evaluation{}, err
	}
	return Evaluation{Metrics: metrics.Summary()}, nil
}

func (a *Activities) logMetrics(ctx context.Context, in EvaluateModelInput, m model.Metrics) error {
	now := time.Now()
	flat := m.Flat()
	flat["fit_seconds"] = in.Model.Seconds
	batch := mlflow.Batch{}
	for key, value := range flat {
		batch.Metrics = append(batch.Metrics, mlflow.Metric{Key: key, Value: value, Time: now})
	}
	if err := a.o.MLflow.LogBatch(ctx, in.Run.ID, batch); err != nil {
		return err
	}
	report, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := a.logFile(ctx, in.Run, "metrics.json", report, "application/json"); err != nil {
		return err
	}
	if len(m.Classes) > maxPlottedClasses {
		return nil
	}
	png, err := confusionPNG(m)
	if err != nil {
		return err
	}
	return a.logFile(ctx, in.Run, "confusion_matrix.png", png, "image/png")
}

func (a *Activities) logFile(ctx context.Context, run Run, name string, data []byte, contentType string) error {
	return a.o.MLflow.PutArtifact(ctx, run.ArtifactURI, name, bytes.NewReader(data), int64(len(data)), contentType)
}

// bytes reads a whole object; for models and the like, not for data.
func (a *Activities) bytes(ctx context.Context, ref objstore.Ref) ([]byte, error) {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read from
	return io.ReadAll(body)
}
