package mlflow

import (
	"context"
	"time"
)

// maxUnfinished bounds how many runs one call lists. The rest appear when these are finished.
const maxUnfinished = 1000

// Experiments returns the ids of all experiments that are not deleted.
func (c *Client) Experiments(ctx context.Context) ([]string, error) {
	var ids []string
	err := pages(func(token string) (string, error) {
		var answer struct {
			Experiments []struct {
				ID string `json:"experiment_id"`
			} `json:"experiments"`
			Next string `json:"next_page_token"`
		}
		err := c.search(ctx, "list experiments", "mlflow/experiments/search", map[string]any{
			"max_results": 1000, "page_token": token,
		}, &answer)
		for _, e := range answer.Experiments {
			ids = append(ids, e.ID)
		}
		return answer.Next, err
	})
	return ids, err
}

// RunningRuns returns the oldest runs of experiments that are RUNNING and started before a time.
func (c *Client) RunningRuns(ctx context.Context, experimentIDs []string, before time.Time) ([]Run, error) {
	if len(experimentIDs) == 0 {
		return nil, nil // MLflow refuses a search in no experiment
	}
	var answer struct {
		Runs []wireRun `json:"runs"`
	}
	err := c.search(ctx, "list running runs", "mlflow/runs/search", map[string]any{
		"experiment_ids": experimentIDs, "max_results": maxUnfinished, "order_by": []string{"attributes.start_time ASC"},
		"filter": "attributes.status = 'RUNNING' AND attributes.start_time < " + toMillis(before).String(),
	}, &answer)
	runs := make([]Run, len(answer.Runs))
	for i, w := range answer.Runs {
		runs[i] = w.value()
	}
	return runs, err
}

// PendingLoggedModels returns the logged models of experiments that were created between two times and whose upload
// has neither ended nor failed. MLflow cannot search for a status, so PendingLoggedModels reads all that were created
// in that time.
func (c *Client) PendingLoggedModels(
	ctx context.Context, experimentIDs []string, after, before time.Time,
) ([]LoggedModel, error) {
	if len(experimentIDs) == 0 {
		return nil, nil
	}
	filter := "creation_timestamp_ms >= " + toMillis(after).String() +
		" AND creation_timestamp_ms < " + toMillis(before).String()
	var models []LoggedModel
	err := pages(func(token string) (string, error) {
		var answer struct {
			Models []wireLoggedModel `json:"models"`
			Next   string            `json:"next_page_token"`
		}
		err := c.search(ctx, "list pending logged models", "mlflow/logged-models/search", map[string]any{
			"experiment_ids": experimentIDs, "filter": filter, "page_token": token,
			"order_by": []any{map[string]any{"field_name": "creation_time", "ascending": true}},
		}, &answer)
		for _, w := range answer.Models {
			if w.Info.Status == LoggedModelPending {
				models = append(models, w.value())
			}
		}
		return answer.Next, err
	})
	return models, err
}
