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

// LoggedModel is a model as a run produced it, before and besides its registration.
type LoggedModel struct {
	ID           string // m-<32 hex digits>
	ExperimentID string
	ArtifactURI  string // for PutArtifact and GetArtifact
	RunID        string
	Status       LoggedModelStatus
	Created      time.Time // UTC, in milliseconds
	Name         string    // the last part of runs:/<run>/<name>
	Type         string
	Tags, Params map[string]string
}

// NewLoggedModel is what CreateLoggedModel takes.
type NewLoggedModel struct {
	ExperimentID string
	Name         string
	Type         string
	RunID        string
	Params, Tags map[string]string
}

// wireLoggedModel is a logged model as MLflow writes it.
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

func (w wireLoggedModel) model() LoggedModel {
	i := w.Info
	return LoggedModel{
		ID: i.ID, ExperimentID: i.ExperimentID, ArtifactURI: i.ArtifactURI, RunID: i.RunID, Status: i.Status,
		Created: i.Created.time(), Name: i.Name, Type: i.Type, Tags: fromPairs(i.Tags), Params: fromPairs(w.Data.Params),
	}
}

// CreateLoggedModel opens a logged model, pending until FinishLoggedModel. Called twice it opens two: a caller that may
// be run again calls FindLoggedModel first.
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
	if err != nil {
		return LoggedModel{}, err
	}
	return answer.Model.model(), nil
}

// GetLoggedModel returns a logged model, or ErrNotExist.
func (c *Client) GetLoggedModel(ctx context.Context, id string) (LoggedModel, error) {
	var answer struct {
		Model wireLoggedModel `json:"model"`
	}
	if err := c.read(ctx, "get logged model "+id, "mlflow/logged-models/"+url.PathEscape(id), nil, &answer); err != nil {
		return LoggedModel{}, err
	}
	return answer.Model.model(), nil
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
	return answer.Models[0].model(), nil
}

// FinishLoggedModel says that the artifacts of a logged model are all there, or never will be.
func (c *Client) FinishLoggedModel(ctx context.Context, id string, status LoggedModelStatus) error {
	return c.set(
		ctx,
		"finish logged model "+id,
		http.MethodPatch,
		"mlflow/logged-models/"+url.PathEscape(id),
		map[string]any{
			"model_id": id, "status": status,
		},
	)
}
