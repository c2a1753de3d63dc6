//go:build bench && linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/app"
	"iris/internal/objstore"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
)

// system is Iris as users run it: the binary as an API process and a worker process. It has its own Temporal, MinIO and
// MLflow, whose state is in a folder of the test.
type system struct {
	*app.System // the same servers, in this process

	paths       stack.Paths
	binary      string
	environment []string // of Iris's processes, without the address
	addresses   stack.Addresses
	api, worker *program
	url         string // of the API
}

// startSystem starts everything. The given parts must be installed as well.
func startSystem(t *testing.T, parts ...stack.Part) *system {
	t.Helper()
	paths := testenv.Programs(t, append(stack.AllParts(), parts...)...)
	s := &system{paths: paths, binary: filepath.Join(t.TempDir(), "iris")}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", s.binary, "../cmd/iris")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build iris: %v\n%s", err, out)
	}
	servers, err := stack.Start(
		t.Context(),
		stack.Options{Paths: paths, DataDir: filepath.Join(t.TempDir(), "stack"), Log: os.Stderr},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop the stack: %v", err)
		}
	})
	a := servers.Addresses()
	s.addresses = a
	s.environment = []string{
		"TEMPORAL_ADDRESS=" + a.Temporal, "MLFLOW_TRACKING_URI=" + a.MLflow,
		"S3_ENDPOINT=" + a.S3, "S3_ACCESS_KEY=" + a.S3AccessKey, "S3_SECRET_KEY=" + a.S3SecretKey,
	}
	s.System, err = app.Connect(app.Config{
		Temporal: client.Options{HostPort: a.Temporal, Namespace: client.DefaultNamespace},
		S3:       objstore.Options{Endpoint: a.S3, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey},
		MLflow:   a.MLflow, Bucket: bucket, DefaultModel: "iris",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.worker = run(t, "worker", s.environment, s.binary, "worker")
	s.api, s.url = s.startAPI(t)
	s.api.await(t, 50*time.Millisecond, func() error { return getOK(s.url + "/healthz") })
	return s
}

const bucket = "iris"

// startAPI starts one more API process, and does not wait until it answers.
func (s *system) startAPI(t *testing.T) (*program, string) {
	t.Helper()
	address := freeAddress(t)
	return run(
		t,
		"apiserver",
		append(s.environment, "IRIS_LISTEN="+address, "IRIS_GRPC_LISTEN="),
		s.binary,
		"apiserver",
	), "http://" + address
}

// train trains a version and returns after the gate has promoted it. A nil csv means the bundled iris data. The
// parameters are those of the route.
func (s *system) train(t *testing.T, name string, csv []byte, parameters url.Values) {
	t.Helper()
	task := s.startTraining(t, name, csv, parameters)
	var state struct {
		State  string
		Error  string
		Result struct {
			Gate struct{ Decision, Reason string }
		}
	}
	s.worker.await(t, 100*time.Millisecond, func() error {
		getJSON(t, s.url+"/tasks/"+task, &state)
		switch state.State {
		case "SUCCESS":
			return nil
		case "FAILURE", "REVOKED":
			t.Fatalf("training of %s: %s %s", name, state.State, state.Error)
		}
		return fmt.Errorf("task %s is %s", task, state.State)
	})
	if g := state.Result.Gate; g.Decision != "promoted" {
		t.Fatalf("training of %s: %s: %s", name, g.Decision, g.Reason)
	}
}

// startTraining starts a training and returns its task id.
func (s *system) startTraining(t *testing.T, name string, csv []byte, parameters url.Values) string {
	t.Helper()
	contentType := "text/csv"
	if csv == nil {
		contentType = ""
	}
	var answer struct {
		TaskID string `json:"task_id"`
	}
	status, body := post(t, s.url+"/"+name+"/training?"+parameters.Encode(), contentType, csv)
	if err := json.Unmarshal(body, &answer); status != http.StatusAccepted || err != nil {
		t.Fatalf("training of %s: status %d, %s", name, status, body)
	}
	return answer.TaskID
}

// champion loads the champion of a model, as the API does.
func (s *system) champion(t *testing.T, name string) (*model.Model, string) {
	t.Helper()
	version, err := s.Registry.Champion(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Registry.Load(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return m, version.URI()
}

// download copies a registered version from MLflow, as a user would, and returns the path of its ONNX form.
func (s *system) download(t *testing.T, uri string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), s.paths.Interop, "-m", "mlflow", "artifacts", "download", "-u", uri, "-d", dir)
	cmd.Env = append(os.Environ(), s.mlflowEnvironment()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("download %s: %v\n%s", uri, err, out)
	}
	found := ""
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == "model.onnx" {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("download %s: no model.onnx in it (%v)", uri, err)
	}
	return found
}

// mlflowEnvironment returns the environment of MLflow's own programs.
func (s *system) mlflowEnvironment() []string {
	return []string{
		"MLFLOW_TRACKING_URI=" + s.addresses.MLflow,
		"MLFLOW_DISABLE_TELEMETRY=true",
		"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false",
		"NO_PROXY=127.0.0.1,localhost",
		"no_proxy=127.0.0.1,localhost",
	}
}

// post sends a body and returns the answer. It ends the test if the server does not answer.
func post(t testing.TB, url, contentType string, body []byte) (int, []byte) {
	t.Helper()
	status, answer, err := tryPost(url, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func tryPost(url, contentType string, body []byte) (int, []byte, error) {
	response, err := direct.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func getOK(url string) error {
	response, err := direct.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}

func getJSON(t testing.TB, url string, v any) {
	t.Helper()
	response, err := direct.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
}
