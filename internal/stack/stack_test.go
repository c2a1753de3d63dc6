package stack

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/objstore"
)

// A stack of the real servers: all parts start, state survives a stop, and an error names a part that dies.
func TestStack_life(t *testing.T) {
	t.Setenv("AWS_PROFILE", "a profile that does not exist")
	t.Setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///elsewhere.db")
	options := Options{Paths: installed(t), DataDir: filepath.Join(t.TempDir(), "a folder with spaces")}
	first := start(t, options)
	before := first.Addresses()
	for _, address := range []string{before.TemporalUI, before.S3Console, before.MLflow} {
		if err := getOK(t.Context(), address); err != nil {
			t.Error(err)
		}
	}
	if err := namespaceReady(t.Context(), before.Temporal); err != nil {
		t.Error(err)
	}
	if err := first.Extend(t.Context(), AllParts()...); err != nil {
		t.Errorf("extend a whole stack: %v", err)
	}
	ref, err := store(t, before).Put(t.Context(), "iris", "kept", strings.NewReader("kept"), 4, "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	startWorkflow(t, before.Temporal)
	run := makeRun(t, before.MLflow)
	uploadArtifact(t, before.MLflow)

	waited := make(chan error, 1)
	go func() { waited <- first.Wait() }()
	stop(t, first)
	if err := <-waited; err != nil {
		t.Errorf("Wait returned %v after Stop, want nil", err)
	}
	for _, address := range []string{before.Temporal, before.S3, strings.TrimPrefix(before.MLflow, "http://")} {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			t.Errorf("something listens on %s after Stop", address)
		}
	}
	if err := first.Extend(t.Context(), MinIO); err == nil {
		t.Error("a stopped stack was extended")
	}

	second := start(t, options)
	after := second.Addresses()
	if after.S3AccessKey != before.S3AccessKey || after.S3SecretKey != before.S3SecretKey {
		t.Error("the second start has other S3 keys")
	}
	if _, err := store(t, after).Stat(t.Context(), ref.Bucket, ref.Key); err != nil {
		t.Errorf("the object of the first start: %v", err)
	}
	if err := getOK(t.Context(), after.MLflow+"/api/2.0/mlflow/runs/get?run_id="+run); err != nil {
		t.Errorf("the run of the first start: %v", err)
	}
	if _, err := dial(t, after.Temporal).DescribeWorkflow(t.Context(), "kept", ""); err != nil {
		t.Errorf("the workflow of the first start: %v", err)
	}
	second.process(Temporal).signal(syscall.SIGKILL)
	log := filepath.Join(options.DataDir, "logs", "temporal.log")
	wantError(t, second.Wait(), "temporal stopped (signal: killed)", log)
}

// MLflow needs MinIO, so Extend with MLflow starts both.
func TestStack_partByPart(t *testing.T) {
	options := Options{Paths: installed(t), DataDir: t.TempDir(), Parts: []Part{Temporal}}
	s := start(t, options)
	if a := s.Addresses(); a.Temporal == "" || a.MLflow != "" || a.S3 != "" {
		t.Errorf("the addresses are %+v, want Temporal alone", a)
	}
	if err := s.Extend(t.Context(), MLflow); err != nil {
		t.Fatal(err)
	}
	if a := s.Addresses(); a.MLflow == "" || a.S3 == "" {
		t.Errorf("the addresses are %+v, want MLflow and MinIO as well", a)
	}
}

// start starts a stack that ends with the test.
func start(t *testing.T, o Options) *Stack {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func store(t *testing.T, a Addresses) *objstore.Store {
	t.Helper()
	s, err := objstore.New(objstore.Options{Endpoint: a.S3, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startWorkflow starts a workflow that no worker runs.
func startWorkflow(t *testing.T, hostPort string) {
	t.Helper()
	options := client.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody"}
	if _, err := dial(t, hostPort).ExecuteWorkflow(t.Context(), options, "Nothing"); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, hostPort string) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: hostPort, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// makeRun creates a run in MLflow's first experiment and returns its id.
func makeRun(t *testing.T, mlflow string) string {
	t.Helper()
	answer := send(t, http.MethodPost, mlflow+"/api/2.0/mlflow/runs/create", "application/json", `{"experiment_id":"0"}`)
	_, rest, _ := strings.Cut(answer, `"run_id": "`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("MLflow answered %q, want a run_id", answer)
	}
	return url.QueryEscape(id)
}

// uploadArtifact shows that MLflow reaches the bucket of its artifacts.
func uploadArtifact(t *testing.T, mlflow string) {
	t.Helper()
	path := mlflow + "/api/2.0/mlflow-artifacts/artifacts/0/hello.txt"
	send(t, http.MethodPut, path, "text/plain", "hello")
	if got := send(t, http.MethodGet, path, "", ""); got != "hello" {
		t.Errorf("the artifact contains %q, want hello", got)
	}
}

func send(t *testing.T, method, address, contentType, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := probes.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %q, %v", method, address, response.Status, answer, err)
	}
	return string(answer)
}
