package mlflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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

// CreateLoggedModel creates a logged model, which is pending until FinishLoggedModel. Each call creates another one;
// EnsureLoggedModel does not.
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

// FindLoggedModel returns the first of FindLoggedModels, or ErrNotExist.
func (c *Client) FindLoggedModel(ctx context.Context, experimentID, runID string) (LoggedModel, error) {
	found, err := c.FindLoggedModels(ctx, experimentID, runID)
	if err != nil {
		return LoggedModel{}, err
	}
	if len(found) == 0 {
		return LoggedModel{}, fmt.Errorf("find logged model of run %s: %w", runID, ErrNotExist)
	}
	return found[0], nil
}

// FindLoggedModels returns the logged models of a run that are not deleted: those that are ready first, and then from
// the oldest. If no filter can contain the run, it returns ErrNotExist.
func (c *Client) FindLoggedModels(ctx context.Context, experimentID, runID string) ([]LoggedModel, error) {
	doing := "find logged model of run " + runID
	filter, err := equals("source_run_id", runID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var found []LoggedModel
	err = pages(func(token string) (string, error) {
		var answer struct {
			Models []wireLoggedModel `json:"models"`
			Next   string            `json:"next_page_token"`
		}
		err := c.search(ctx, doing, "mlflow/logged-models/search", map[string]any{
			"experiment_ids": []string{experimentID}, "filter": filter, "page_token": token,
			"order_by": []any{map[string]any{"field_name": "creation_time", "ascending": true}},
		}, &answer)
		for _, w := range answer.Models {
			found = append(found, w.value())
		}
		return answer.Next, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b LoggedModel) int { return cmp.Compare(a.standing(), b.standing()) })
	return found, nil
}

func (m LoggedModel) standing() int {
	if m.Status == LoggedModelReady {
		return 0
	}
	return 1
}

// EnsureLoggedModel returns the logged model of a run. It creates it if it does not exist, and deletes duplicates.
func (c *Client) EnsureLoggedModel(ctx context.Context, n NewLoggedModel) (LoggedModel, error) {
	return Once[LoggedModel]{
		Find: func(ctx context.Context) ([]LoggedModel, error) {
			return c.FindLoggedModels(ctx, n.ExperimentID, n.RunID)
		},
		Create: func(ctx context.Context) (LoggedModel, error) { return c.CreateLoggedModel(ctx, n) },
		Discard: func(ctx context.Context, duplicate, _ LoggedModel) error {
			return c.DeleteLoggedModel(ctx, duplicate.ID)
		},
	}.Ensure(ctx)
}

// DeleteLoggedModel deletes a logged model. A missing one is not an error.
func (c *Client) DeleteLoggedModel(ctx context.Context, id string) error {
	err := c.set(ctx, "delete logged model "+id, http.MethodDelete, "mlflow/logged-models/"+url.PathEscape(id), nil)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}

// FinishLoggedModel records whether the artifacts of a logged model are complete or failed to upload.
func (c *Client) FinishLoggedModel(ctx context.Context, id string, status LoggedModelStatus) error {
	body := map[string]any{"model_id": id, "status": status}
	return c.set(ctx, "finish logged model "+id, http.MethodPatch, "mlflow/logged-models/"+url.PathEscape(id), body)
}
