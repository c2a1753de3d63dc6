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
	Start, End   time.Time // UTC, in milliseconds; End is zero while the run is not ended
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
		Start        millis    `json:"start_time"`
		End          millis    `json:"end_time"`
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
		Start:        w.Info.Start.time(),
		End:          w.Info.End.time(),
		Tags:         fromPairs(w.Data.Tags),
		Params:       fromPairs(w.Data.Params),
		Metrics:      make(map[string]float64, len(w.Data.Metrics)),
	}
	for _, metric := range w.Data.Metrics {
		run.Metrics[metric.Key] = float64(metric.Value)
	}
	return run
}

// CreateRun creates a run. Each call creates another one; EnsureRun does not.
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

// FindRun returns the first of FindRuns, or ErrNotExist.
func (c *Client) FindRun(ctx context.Context, experimentID, tag, value string) (Run, error) {
	runs, err := c.FindRuns(ctx, experimentID, tag, value)
	if err != nil {
		return Run{}, err
	}
	if len(runs) == 0 {
		return Run{}, fmt.Errorf("find run with %s = %s: %w", tag, value, ErrNotExist)
	}
	return runs[0], nil
}

// FindRuns returns the runs of an experiment whose tag has a value and that are not deleted. The order is that of
// standing, and then from the oldest. If no filter can contain the value, it returns ErrNotExist.
func (c *Client) FindRuns(ctx context.Context, experimentID, tag, value string) ([]Run, error) {
	doing := fmt.Sprintf("find run with %s = %s", tag, value)
	filter, err := equals("tags.`"+tag+"`", value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var runs []Run
	err = pages(func(token string) (string, error) {
		var answer struct {
			Runs []wireRun `json:"runs"`
			Next string    `json:"next_page_token"`
		}
		err := c.search(ctx, doing, "mlflow/runs/search", map[string]any{
			"experiment_ids": []string{experimentID}, "filter": filter, "max_results": runsPage,
			"order_by": []string{"attributes.start_time ASC"}, "page_token": token,
		}, &answer)
		for _, w := range answer.Runs {
			runs = append(runs, w.value())
		}
		return answer.Next, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(a.standing(), b.standing()) })
	return runs, nil
}

// runsPage is how many runs a page of a search has at most.
const runsPage = 1000

// standing sorts runs with the same tag: first the one that somebody uses, then one that nobody has used yet, and last
// a duplicate. The start is not enough, because the client sets it: a run that MLflow creates late may have the
// earliest one.
func (r Run) standing() int {
	switch {
	case r.Tags[DuplicateTag] != "":
		return 2
	case r.Status == RunRunning && len(r.Params)+len(r.Metrics) == 0:
		return 1
	}
	return 0
}

// EnsureRun returns the run with a value of a tag, which must be one of the new run's. It creates the run if it does
// not exist. It kills duplicates and marks them with DuplicateTag; it does not delete them, because another attempt of
// the caller may still use one.
func (c *Client) EnsureRun(ctx context.Context, n NewRun, tag string) (Run, error) {
	return Once[Run]{
		Find: func(ctx context.Context) ([]Run, error) {
			return c.FindRuns(ctx, n.ExperimentID, tag, n.Tags[tag])
		},
		Create:  func(ctx context.Context) (Run, error) { return c.CreateRun(ctx, n) },
		Discard: c.killDuplicate,
	}.Ensure(ctx)
}

// DeleteDuplicateRuns deletes all but one of the runs of an experiment whose tag has a value: the one with the id keep,
// or else the first of FindRuns. A person can restore a deleted run; its DuplicateTag says what it is.
func (c *Client) DeleteDuplicateRuns(ctx context.Context, experimentID, tag, value, keep string) error {
	return Once[Run]{
		Find: func(ctx context.Context) ([]Run, error) { return c.FindRuns(ctx, experimentID, tag, value) },
		Discard: func(ctx context.Context, duplicate, kept Run) error {
			if err := c.killDuplicate(ctx, duplicate, kept); err != nil {
				return err
			}
			return c.DeleteRun(ctx, duplicate.ID)
		},
	}.Reconcile(ctx, func(r Run) bool { return r.ID == keep })
}

// killDuplicate marks a run as a duplicate, and ends it.
func (c *Client) killDuplicate(ctx context.Context, duplicate, kept Run) error {
	if duplicate.Tags[DuplicateTag] == kept.ID && duplicate.Status == RunKilled {
		return nil
	}
	if err := c.LogBatch(ctx, duplicate.ID, Batch{Tags: map[string]string{DuplicateTag: kept.ID}}); err != nil {
		return err
	}
	return c.UpdateRun(ctx, duplicate.ID, RunKilled, time.Now())
}

// DeleteRun moves a run to the trash. It may be called again.
func (c *Client) DeleteRun(ctx context.Context, id string) error {
	return c.set(ctx, "delete run "+id, http.MethodPost, "mlflow/runs/delete", map[string]string{"run_id": id})
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
