package mlflow

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// EnsureExperiment returns the id of the experiment of a name. One that is missing is created; one that somebody
// deleted is restored, because MLflow keeps its name taken. Any number of processes may do so at once.
func (c *Client) EnsureExperiment(ctx context.Context, name string) (string, error) {
	id, err := c.findExperiment(ctx, name)
	if !errors.Is(err, ErrNotExist) {
		return id, err
	}
	var answer struct {
		ID string `json:"experiment_id"`
	}
	err = c.create(ctx, "create experiment "+name, "mlflow/experiments/create", map[string]string{"name": name}, &answer)
	if errors.Is(err, ErrExists) { // somebody else was faster
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
	if err := c.read(
		ctx,
		doing,
		"mlflow/experiments/get-by-name",
		url.Values{"experiment_name": {name}},
		&answer,
	); err != nil {
		return "", err
	}
	id := answer.Experiment.ID
	if answer.Experiment.Stage != "deleted" {
		return id, nil
	}
	err := c.set(
		ctx,
		"restore experiment "+name,
		http.MethodPost,
		"mlflow/experiments/restore",
		map[string]string{"experiment_id": id},
	)
	if errors.Is(err, ErrNotExist) { // what MLflow says when it is not deleted any more
		return id, nil
	}
	return id, err
}
