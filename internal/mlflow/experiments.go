package mlflow

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// EnsureExperiment returns the id of the experiment with a name. It creates a missing experiment and restores a deleted
// one, whose name MLflow keeps reserved. Several processes may call it at the same time.
func (c *Client) EnsureExperiment(ctx context.Context, name string) (string, error) {
	id, err := c.findExperiment(ctx, name)
	if !errors.Is(err, ErrNotExist) {
		return id, err
	}
	var answer struct {
		ID string `json:"experiment_id"`
	}
	err = c.create(ctx, "create experiment "+name, "mlflow/experiments/create", map[string]string{"name": name}, &answer)
	if errors.Is(err, ErrExists) { // another process was faster
		return c.findExperiment(ctx, name)
	}
	return answer.ID, err
}

func (c *Client) findExperiment(ctx context.Context, name string) (string, error) {
	doing := "get experiment " + name
	var answer struct {
		Experiment struct {
			ID    string `json:"experiment_id"`
			Stage string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	query := url.Values{"experiment_name": {name}}
	if err := c.read(ctx, doing, "mlflow/experiments/get-by-name", query, &answer); err != nil {
		return "", err
	}
	id := answer.Experiment.ID
	if answer.Experiment.Stage != "deleted" {
		return id, nil
	}
	body := map[string]string{"experiment_id": id}
	err := c.set(ctx, "restore experiment "+name, http.MethodPost, "mlflow/experiments/restore", body)
	if errors.Is(err, ErrNotExist) { // MLflow's answer if another process has restored it
		return id, nil
	}
	return id, err
}
