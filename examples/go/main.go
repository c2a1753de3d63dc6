// Command go is a client of Iris. It trains a model on a CSV, waits for the new version, predicts one row with it, and
// scores the whole file as a batch. It uses the standard library only. The API is at IRIS_URL.
//
//	go run ./examples/go internal/dataset/testdata/wine.csv
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

const (
	model        = "example-go" // the first training under a new name creates the model
	pollInterval = 500 * time.Millisecond
	attempts     = 7 // to send a request
	retryPause   = 2 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("want one argument: a CSV with a header whose last column is the class")
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	iris := client{url: cmp.Or(os.Getenv("IRIS_URL"), "http://127.0.0.1:8000")}

	// Train. The answer has only the id of a task, because a training takes longer than a request.
	var training started
	path := "/" + model + "/training?algorithm=logistic_regression"
	if err := iris.call(ctx, http.MethodPost, path, "text/csv", data, &training); err != nil {
		return fmt.Errorf("train: %w", err)
	}

	// Wait. The task ends as SUCCESS, FAILURE, REVOKED or LOST.
	task, err := iris.wait(ctx, training.TaskID)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	version := task.Result
	fmt.Printf("training %s: %s\n", training.TaskID, task.State)
	fmt.Printf("version %s: accuracy %.4f, %s\n", version.ModelID, version.Metrics["accuracy"], version.Gate.Decision)

	// Predict one row. POST /{model}/predict uses the champion, which every API process serves within two seconds. This
	// request names the version, so it need not wait.
	row, err := firstRow(data)
	if err != nil {
		return err
	}
	var prediction struct {
		Label         string             `json:"label"`
		Probabilities map[string]float64 `json:"probabilities"`
	}
	path = "/" + model + "/versions/" + version.Version + "/predict"
	if err := iris.call(ctx, http.MethodPost, path, "application/json", row, &prediction); err != nil {
		return fmt.Errorf("predict: %w", err)
	}
	label := prediction.Label
	fmt.Printf("prediction: %q with probability %.4f\n", label, prediction.Probabilities[label])

	// Score the whole file as a batch. The class column is not a feature, so Iris skips it.
	var batch started
	path = "/" + model + "/predict/batch?model_id=" + version.ModelID
	if err := iris.call(ctx, http.MethodPost, path, "text/csv", data, &batch); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	if task, err = iris.wait(ctx, batch.TaskID); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	fmt.Printf("batch %s: %s\n", batch.TaskID, task.State)
	var output bytes.Buffer
	path = "/" + model + "/predict/batch/" + batch.TaskID + "/output"
	if err := iris.call(ctx, http.MethodGet, path, "", nil, &output); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	return countLabels(&output)
}

// started is the answer to a request that starts a task.
type started struct {
	TaskID string `json:"task_id"`
}

// task is what GET /tasks/{task_id} answers, as far as this program reads it.
type task struct {
	State string `json:"state"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
	Result struct {
		Version string             `json:"version"`
		ModelID string             `json:"model_id"`
		Metrics map[string]float64 `json:"metrics"`
		Gate    struct {
			Decision string `json:"decision"`
		} `json:"gate"`
	} `json:"result"`
}

// client calls the API at a URL.
type client struct{ url string }

// call sends a request and stores the answer in into: a *bytes.Buffer receives the body, any other value its JSON. It
// sends the request again if there is no answer, or one that says to try again. The idempotency key makes that safe: a
// training that is sent twice is one training.
func (c client) call(ctx context.Context, method, path, contentType string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if method == http.MethodPost {
		request.Header.Set("Idempotency-Key", rand.Text())
	}
	response, answer, err := send(request)
	for attempt := 1; attempt < attempts && mayPass(response, err); attempt++ {
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return ctx.Err()
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		response, answer, err = send(request)
	}
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		// An error is a problem as defined by RFC 9457. Its detail says what is wrong and where.
		var problem struct {
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(answer, &problem) // a proxy's error is not JSON, and then the status has to do
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, problem.Detail)
	}
	if buffer, ok := into.(*bytes.Buffer); ok {
		_, err := buffer.Write(answer)
		return err
	}
	return json.Unmarshal(answer, into)
}

// send sends a request once and reads the whole answer.
func send(request *http.Request) (*http.Response, []byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	answer, err := io.ReadAll(response.Body)
	return response, answer, errors.Join(err, response.Body.Close())
}

// mayPass reports whether the same request may succeed later.
func mayPass(response *http.Response, err error) bool {
	if err != nil {
		return true
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusConflict: // the first one is under way; other conflicts have no Retry-After
		return response.Header.Get("Retry-After") != ""
	}
	return false
}

// wait polls a task until it ends. It returns an error unless the task succeeds.
func (c client) wait(ctx context.Context, id string) (task, error) {
	for {
		var t task
		if err := c.call(ctx, http.MethodGet, "/tasks/"+id, "", nil, &t); err != nil {
			return t, err
		}
		switch t.State {
		case "SUCCESS":
			return t, nil
		case "FAILURE", "REVOKED", "LOST":
			return t, fmt.Errorf("task %s: %s: %s", id, t.State, t.Error.Message)
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
}

// firstRow returns the first row of a CSV as the JSON object that a prediction takes, without the class.
func firstRow(data []byte) ([]byte, error) {
	records := csv.NewReader(bytes.NewReader(data))
	header, err := records.Read()
	if err != nil {
		return nil, err
	}
	record, err := records.Read()
	if err != nil {
		return nil, err
	}
	row := map[string]json.Number{}
	for i := range len(header) - 1 {
		row[header[i]] = json.Number(strings.TrimSpace(record[i]))
	}
	return json.Marshal(row)
}

// countLabels prints how often each label occurs in the output of a batch.
func countLabels(output io.Reader) error {
	records := csv.NewReader(output)
	header, err := records.Read()
	if err != nil {
		return err
	}
	label := slices.Index(header, "label")
	counts, rows := map[string]int{}, 0
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		counts[record[label]]++
		rows++
	}
	fmt.Printf("%d rows scored\n", rows)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("  %s: %d\n", name, counts[name])
	}
	return nil
}
