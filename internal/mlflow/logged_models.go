package mlflow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// LoggedModelStatus is the state of a logged model.
type LoggedModelStatus string

// The states of a logged model.
const (
	LoggedModelPending      LoggedModelStatus = "LOGGED_MODEL_PENDING"
	LoggedModelReady        LoggedModelStatus = "LOGGED_MODEL_READY"
	LoggedModelUploadFailed LoggedModelStatus = "LOGGED_MODEL_UPLOAD_FAILED"
)

// LoggedModel is a model that a run produced. It exists before its registration and without one.
type LoggedModel struct {
	ID           string // m-<32 hex digits>
	ExperimentID string
	ArtifactURI  string // of PutArtifact and GetArtifact
	RunID        string
	Status       LoggedModelStatus
	Created      time.Time // UTC, in milliseconds
	Name         string    // the last part of runs:/<run>/<name>
	Type         string
	Tags, Params map[string]string
}

// NewLoggedModel is the input of CreateLoggedModel.
type NewLoggedModel struct {
	ExperimentID string
	Name         string
	Type         string
	RunID        string
	Params, Tags map[string]string
}

// wireLoggedModel is a logged model in MLflow's JSON.
type wireLoggedModel struct {
	Info struct {
		ID           string            `json:"model_id"`
		ExperimentID string            `json:"experiment_id"`
		ArtifactURI  string            `json:"artifact_uri"`
		RunID        string            `json:"source_run_id"`
		Status       LoggedModelStatus `json:"status"`
		Created      millis            `json:"creation_timestamp_ms"`
		Name         string            `json:"name"`
		Type         string            `json:"model_type"`
		Tags         []pair            `json:"tags"`
	} `json:"info"`
	Data struct {
		Params []pair `json:"params"`
	} `json:"data"`
}

func (w wireLoggedModel) value() LoggedModel {
	i := w.Info
	return LoggedModel{
		ID: i.ID, ExperimentID: i.ExperimentID, ArtifactURI: i.ArtifactURI, RunID: i.RunID, Status: i.Status,
		Created: i.Created.time(), Name: i.Name, Type: i.Type, Tags: fromPairs(i.Tags), Params: fromPairs(w.Data.Params),
	}
}

// CreateLoggedModel creates a logged model, which is pending until FinishLoggedModel. Each call creates another one, so
// a caller that may run again calls FindLoggedModel first.
func (c *Client) CreateLoggedModel(ctx context.Context, n NewLoggedModel) (LoggedModel, error) {
	var answer struct {
		Model wireLoggedModel `json:"model"`
	}
	err := c.create(ctx, "create logged model "+n.Name, "mlflow/logged-models", struct {
		ExperimentID string `json:"experiment_id"`
		Name         string `json:"name"`
		Type         string `json:"model_type"`
		RunID        string `json:"source_run_id"`
		Params       []pair `json:"params"`
		Tags         []pair `json:"tags"`
	}{n.ExperimentID, n.Name, n.Type, n.RunID, pairs(n.Params), pairs(n.Tags)}, &answer)
	return result(answer.Model, err)
}

// GetLoggedModel returns a logged model, or ErrNotExist.
func (c *Client) GetLoggedModel(ctx context.Context, id string) (LoggedModel, error) {
	var answer struct {
		Model wireLoggedModel `json:"model"`
	}
	err := c.read(ctx, "get logged model "+id, "mlflow/logged-models/"+url.PathEscape(id), nil, &answer)
	return result(answer.Model, err)
}

// FindLoggedModel returns the oldest logged model of a run, or ErrNotExist.
func (c *Client) FindLoggedModel(ctx context.Context, experimentID, runID string) (LoggedModel, error) {
	doing := "find logged model of run " + runID
	filter, err := equals("source_run_id", runID)
	if err != nil {
		return LoggedModel{}, fmt.Errorf("%s: %w", doing, err)
	}
	var answer struct {
		Models []wireLoggedModel `json:"models"`
	}
	err = c.search(ctx, doing, "mlflow/logged-models/search", map[string]any{
		"experiment_ids": []string{experimentID}, "filter": filter, "max_results": 1,
		"order_by": []any{map[string]any{"field_name": "creation_time", "ascending": true}},
	}, &answer)
	switch {
	case err != nil:
		return LoggedModel{}, err
	case len(answer.Models) == 0:
		return LoggedModel{}, fmt.Errorf("%s: %w", doing, ErrNotExist)
	}
	return answer.Models[0].value(), nil
}

// FinishLoggedModel records whether the artifacts of a logged model are complete or failed to upload.
func (c *Client) FinishLoggedModel(ctx context.Context, id string, status LoggedModelStatus) error {
	body := map[string]any{"model_id": id, "status": status}
	return c.set(ctx, "finish logged model "+id, http.MethodPatch, "mlflow/logged-models/"+url.PathEscape(id), body)
}
