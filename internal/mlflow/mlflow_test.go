package mlflow_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a real MLflow with an experiment and a model name for one test.
type world struct {
	*mlflow.Client
	experiment string // id
	name       string
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{Client: testenv.MLflow(t), name: "test-" + strings.ToLower(rand.Text()[:10])}
	id, err := w.EnsureExperiment(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	w.experiment = id
	return w
}

func (w world) run(t *testing.T) mlflow.Run {
	t.Helper()
	run, err := w.CreateRun(t.Context(), mlflow.NewRun{ExperimentID: w.experiment, Name: "run", Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// loggedModel creates a logged model of a run.
func (w world) loggedModel(t *testing.T, name string, run mlflow.Run) mlflow.LoggedModel {
	t.Helper()
	n := mlflow.NewLoggedModel{ExperimentID: w.experiment, Name: name, RunID: run.ID}
	return must(w.CreateLoggedModel(t.Context(), n))(t)
}

// raw sends a request that the client has no method for, and decodes the response.
func (w world) raw(t *testing.T, method, path, body string, answer any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, mlflow.Base(w.Client)+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s", method, path, response.Status, data)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(data, answer); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantError(t *testing.T, err, class error, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %v", class)
	}
	if class != nil && !errors.Is(err, class) {
		t.Errorf("got error %v, want one that wraps %v", err, class)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want it to contain %q", err, text)
	}
}

// wantRefusal wants a response of MLflow that is none of the package's error values.
func wantRefusal(t *testing.T, err error, status int, text string) {
	t.Helper()
	var answer *mlflow.Error
	if !errors.As(err, &answer) || answer.Status != status {
		t.Fatalf("got error %v, want an *Error with status %d", err, status)
	}
	for _, class := range []error{mlflow.ErrNotExist, mlflow.ErrExists, mlflow.ErrUnavailable} {
		if errors.Is(err, class) {
			t.Errorf("got error %v, want one that is not %v", err, class)
		}
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want it to contain %q", err, text)
	}
}

func TestCheck(t *testing.T) {
	if err := testenv.MLflow(t).Check(t.Context()); err != nil {
		t.Error(err)
	}
}
