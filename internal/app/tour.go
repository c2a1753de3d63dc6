package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/registry"
	"iris/internal/stack"
	"iris/workflows"
)

// tour is what `iris up` shows: a first model, a prediction, and in a demo also a training and a batch through the API.
type tour struct {
	system    *System
	api       string // base URL
	addresses stack.Addresses
	out       io.Writer
}

const (
	// flower is the row that the tour predicts.
	flower = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`
	// tourTimeout bounds the tour.
	tourTimeout = 5 * time.Minute
)

func (t tour) run(ctx context.Context, demo bool) error {
	waiting, cancel := context.WithTimeout(ctx, tourTimeout)
	defer cancel()
	if err := t.firstModel(waiting); err != nil {
		return fmt.Errorf("train the first model: %w", err)
	}
	if err := t.ready(waiting); err != nil {
		return err
	}
	if demo {
		if err := t.train(waiting); err != nil {
			return err
		}
	}
	if err := t.predict(waiting); err != nil {
		return err
	}
	if demo {
		return t.batch(waiting)
	}
	t.say(
		`
Iris is up.
  API and its documentation  %[1]s/docs
  Temporal UI                %[2]s
  MLflow UI                  %[3]s
  MinIO console              %[4]s  (user %[5]s, password %[6]s)

Try:
  curl -s %[1]s/iris/predict -H 'Content-Type: application/json' -d '%[7]s'
  curl -s -X POST '%[1]s/iris/training?algorithm=decision_tree'
  curl -s %[1]s/tasks

Ctrl-C stops everything; models and data stay.`,
		t.api,
		t.addresses.TemporalUI,
		t.addresses.MLflow+"/#/experiments?workflowType=machine_learning",
		t.addresses.S3Console,
		t.addresses.S3AccessKey,
		t.addresses.S3SecretKey,
		flower,
	)
	return nil
}

func (t tour) say(format string, args ...any) {
	fmt.Fprintf(t.out, format+"\n", args...) //nolint:errcheck // a closed terminal must not stop Iris
}

// firstModel trains on the bundled data if the default model has no champion.
func (t tour) firstModel(ctx context.Context) error {
	name := t.system.config.DefaultModel
	version, err := t.system.Registry.Champion(ctx, name)
	if err == nil {
		t.say("champion: %s", version.URI())
		return nil
	}
	if !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	t.say("no champion yet: training %s on the bundled data", name)
	id := workflows.NewTrainingID(name)
	run, err := t.system.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "first model", WorkflowExecutionTimeout: tourTimeout,
	}, workflows.Training, workflows.TrainingInput{Model: name})
	if err != nil {
		return err
	}
	var result workflows.TrainingResult
	if err := run.Get(ctx, &result); err != nil {
		return err
	}
	t.sayTrained(id, result)
	return nil
}

func (t tour) sayTrained(id string, r workflows.TrainingResult) {
	t.say(
		"trained %s by workflow %s: accuracy %.4f on %d held-out rows, %s",
		r.ModelID,
		id,
		r.Metrics["accuracy"],
		r.TestRows,
		r.Gate.Decision,
	)
}

// ready waits until the API is ready.
func (t tour) ready(ctx context.Context) error {
	for {
		if err := t.call(ctx, http.MethodGet, "/readyz", "", nil); err == nil {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for the API: %w", err)
		}
	}
}

func (t tour) predict(ctx context.Context) error {
	var answer struct {
		Label   string `json:"label"`
		ModelID string `json:"model_id"`
	}
	path := "/" + t.system.config.DefaultModel + "/predict"
	if err := t.call(ctx, http.MethodPost, path, flower, &answer); err != nil {
		return err
	}
	t.say("predicted: %s is %s, says %s", flower, answer.Label, answer.ModelID)
	return nil
}

// train starts a training through the API and waits for its end.
func (t tour) train(ctx context.Context) error {
	id, err := t.start(ctx, "/training", "")
	if err != nil {
		return err
	}
	var result workflows.TrainingResult
	if err := t.system.Temporal.GetWorkflow(ctx, id, "").Get(ctx, &result); err != nil {
		return err
	}
	t.sayTrained(id, result)
	return t.system.Cache.Refresh(ctx, result.Model) // so that the prediction comes from the new model, if it was promoted
}

// batch scores three rows through the API and shows the first prediction.
func (t tour) batch(ctx context.Context) error {
	id, err := t.start(ctx, "/predict/batch", fmt.Sprintf(`{"data":[%[1]s,%[1]s,%[1]s]}`, flower))
	if err != nil {
		return err
	}
	if err := t.system.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return err
	}
	var answer []struct {
		Label string `json:"label"`
	}
	path := "/" + t.system.config.DefaultModel + "/predict/batch/" + id
	if err := t.call(ctx, http.MethodGet, path, "", &answer); err != nil {
		return err
	}
	t.say("batch %s: %d rows scored, the first is %s", id, len(answer), answer[0].Label)
	return nil
}

// start posts to a route of the default model and returns the id of the task.
func (t tour) start(ctx context.Context, path, body string) (string, error) {
	var task struct {
		ID string `json:"task_id"`
	}
	err := t.call(ctx, http.MethodPost, "/"+t.system.config.DefaultModel+path, body, &task)
	return task.ID, err
}

// call makes a request and decodes the response into v unless that is nil.
func (t tour) call(ctx context.Context, method, path, body string, v any) error {
	request, err := http.NewRequestWithContext(ctx, method, t.api+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer, v)
}

// pause waits a moment before the next poll.
func pause(ctx context.Context) error {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
