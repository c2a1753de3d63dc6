package mlflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// RunStatus is the state of a run.
type RunStatus string

// The states of a run.
const (
	RunRunning  RunStatus = "RUNNING"
	RunFinished RunStatus = "FINISHED"
	RunFailed   RunStatus = "FAILED"
	RunKilled   RunStatus = "KILLED"
)

// Run is one entry of an experiment.
type Run struct {
	ID           string
	ExperimentID string
	ArtifactURI  string // of PutArtifact and GetArtifact
	Status       RunStatus
	Name         string
	Tags, Params map[string]string
	Metrics      map[string]float64 // the last value of each metric; MLflow stores infinities as ±math.MaxFloat64
}

// NewRun is the input of CreateRun.
type NewRun struct {
	ExperimentID string
	Name         string
	Start        time.Time
	Tags         map[string]string // at most 100
}

// wireRun is a run in MLflow's JSON.
type wireRun struct {
	Info struct {
		ID           string    `json:"run_id"`
		ExperimentID string    `json:"experiment_id"`
		ArtifactURI  string    `json:"artifact_uri"`
		Status       RunStatus `json:"status"`
		Name         string    `json:"run_name"`
	} `json:"info"`
	Data struct {
		Tags    []pair `json:"tags"`
		Params  []pair `json:"params"`
		Metrics []struct {
			Key   string `json:"key"`
			Value number `json:"value"`
		} `json:"metrics"`
	} `json:"data"`
	Outputs struct {
		Models []modelOutput `json:"model_outputs"`
	} `json:"outputs"`
}

type modelOutput struct {
	ModelID string `json:"model_id"`
	Step    int64  `json:"step"`
}

func (w wireRun) value() Run {
	run := Run{
		ID:           w.Info.ID,
		ExperimentID: w.Info.ExperimentID,
		ArtifactURI:  w.Info.ArtifactURI,
		Status:       w.Info.Status,
		Name:         w.Info.Name,
		Tags:         fromPairs(w.Data.Tags),
		Params:       fromPairs(w.Data.Params),
		Metrics:      make(map[string]float64, len(w.Data.Metrics)),
	}
	for _, metric := range w.Data.Metrics {
		run.Metrics[metric.Key] = float64(metric.Value)
	}
	return run
}

// CreateRun creates a run. Each call creates another one, so a caller that may run again gives the run a unique tag and
// calls FindRun first.
func (c *Client) CreateRun(ctx context.Context, n NewRun) (Run, error) {
	var answer struct {
		Run wireRun `json:"run"`
	}
	err := c.create(ctx, "create run "+n.Name, "mlflow/runs/create", struct {
		ExperimentID string `json:"experiment_id"`
		Name         string `json:"run_name"`
		Start        millis `json:"start_time"`
		Tags         []pair `json:"tags"`
	}{n.ExperimentID, n.Name, toMillis(n.Start), pairs(n.Tags)}, &answer)
	return result(answer.Run, err)
}

// GetRun returns a run, or ErrNotExist.
func (c *Client) GetRun(ctx context.Context, id string) (Run, error) {
	return result(c.getRun(ctx, id))
}

func (c *Client) getRun(ctx context.Context, id string) (wireRun, error) {
	var answer struct {
		Run wireRun `json:"run"`
	}
	err := c.read(ctx, "get run "+id, "mlflow/runs/get", url.Values{"run_id": {id}}, &answer)
	return answer.Run, err
}

// FindRun returns the oldest run of an experiment whose tag has a value and that is not deleted, or ErrNotExist.
func (c *Client) FindRun(ctx context.Context, experimentID, tag, value string) (Run, error) {
	doing := fmt.Sprintf("find run with %s = %s", tag, value)
	filter, err := equals("tags.`"+tag+"`", value)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", doing, err)
	}
	var answer struct {
		Runs []wireRun `json:"runs"`
	}
	err = c.search(ctx, doing, "mlflow/runs/search", map[string]any{
		"experiment_ids": []string{experimentID}, "filter": filter, "max_results": 1,
		"order_by": []string{"attributes.start_time ASC"},
	}, &answer)
	switch {
	case err != nil:
		return Run{}, err
	case len(answer.Runs) == 0:
		return Run{}, fmt.Errorf("%s: %w", doing, ErrNotExist)
	}
	return answer.Runs[0].value(), nil
}

// UpdateRun sets the state of a run, and its end time unless end is zero.
func (c *Client) UpdateRun(ctx context.Context, id string, status RunStatus, end time.Time) error {
	body := map[string]any{"run_id": id, "status": status}
	if !end.IsZero() {
		body["end_time"] = toMillis(end)
	}
	return c.set(ctx, "update run "+id, http.MethodPost, "mlflow/runs/update", body)
}

// LogModelOutput makes a logged model an output of a run. Calling it twice has the same result as once.
func (c *Client) LogModelOutput(ctx context.Context, runID, loggedModelID string) error {
	err := c.set(ctx, "log output of run "+runID, http.MethodPost, "mlflow/runs/outputs", map[string]any{
		"run_id": runID, "models": []modelOutput{{ModelID: loggedModelID}},
	})
	var answer *Error
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		return err
	}
	// On the second call MLflow reports the error of its database.
	run, getErr := c.getRun(ctx, runID)
	if getErr != nil {
		return err
	}
	for _, output := range run.Outputs.Models {
		if output.ModelID == loggedModelID {
			return nil
		}
	}
	return err
}
