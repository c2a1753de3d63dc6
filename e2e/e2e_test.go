// Package e2e tests the whole of Iris. Worker and API run in this process, on a real Temporal, MinIO and MLflow.
// It does not test what one package can test alone.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/app"
	"iris/internal/objstore"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/workflows"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// bucket is fixed, so that recorded histories do not depend on the run.
const bucket = "iris"

// iris is a running system. Each test starts its own worker and API, but all tests share the servers. A test that needs
// a model to itself gives the model its own name.
type iris struct {
	*app.System
	t         *testing.T
	api       string
	addresses stack.Addresses
}

// config returns the settings of a system on the shared servers.
func config(a stack.Addresses) app.Config {
	return app.Config{
		Temporal:     client.Options{HostPort: a.Temporal, Namespace: "default", Identity: "iris@e2e"},
		S3:           objstore.Options{Endpoint: a.S3, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey},
		MLflow:       a.MLflow,
		Bucket:       bucket,
		DefaultModel: "iris",
		MaxUpload:    1 << 30,
		TemporalUI:   a.TemporalUI,
		MLflowUI:     a.MLflow,
		Version:      "e2e",
		Logger:       slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T) *iris {
	t.Helper()
	a := testenv.All(t)
	return startConfigured(t, a, config(a))
}

// startConfigured is start with the given settings.
func startConfigured(t *testing.T, a stack.Addresses, c app.Config) *iris {
	t.Helper()
	s := connectConfigured(t, a, c)
	s.run(t, s.RunWorker)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.api = "http://" + listener.Addr().String()
	s.run(t, func(ctx context.Context) error { return s.RunAPI(ctx, listener, nil) })
	return s
}

// connect is start without a worker and an API.
func connect(t *testing.T) *iris {
	t.Helper()
	a := testenv.All(t)
	return connectConfigured(t, a, config(a))
}

func connectConfigured(t *testing.T, a stack.Addresses, c app.Config) *iris {
	t.Helper()
	system, err := app.Connect(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(system.Close)
	if err := system.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &iris{System: system, t: t, addresses: a}
}

// run runs a part of the system until the test ends, or until the returned function is called.
func (s *iris) run(t *testing.T, part func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a part of the system ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// answer is an HTTP response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request to the API. Tests wait for a task with await, not by calling in a loop.
func (s *iris) call(method, path, contentType string, body []byte) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.api+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	read, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, read}
}

// want fails the test unless the answer has the given status. It decodes the body into v.
func (a answer) want(t *testing.T, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// task is the answer to a request that starts a task.
type task struct {
	ID string `json:"task_id"`
}

// awaitTimeout bounds every wait for a task.
const awaitTimeout = 2 * time.Minute

// await waits until a task has ended, decodes its result into v, and returns the error of the task.
func (s *iris) await(id string, v any) error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), awaitTimeout)
	defer cancel()
	return s.Temporal.GetWorkflow(ctx, id, "").Get(ctx, v)
}

// train starts a training and returns its result.
func (s *iris) train(in workflows.TrainingInput) workflows.TrainingResult {
	s.t.Helper()
	id := s.startTraining(workflows.NewTrainingID(in.Model), in)
	var result workflows.TrainingResult
	if err := s.await(id, &result); err != nil {
		s.t.Fatal(err)
	}
	return result
}

func (s *iris) startTraining(id string, in workflows.TrainingInput) string {
	s.t.Helper()
	_, err := s.Temporal.ExecuteWorkflow(
		s.t.Context(),
		client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue},
		workflows.Training,
		in,
	)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// put stores a dataset in the bucket that trainings may read, and returns its URI.
func (s *iris) put(key string, data []byte) string {
	s.t.Helper()
	ref, err := s.Store.Put(s.t.Context(), bucket, key, bytes.NewReader(data), int64(len(data)), "text/csv")
	if err != nil {
		s.t.Fatal(err)
	}
	return ref.URI()
}
