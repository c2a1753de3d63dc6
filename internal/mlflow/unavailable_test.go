package mlflow_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iris/internal/mlflow"
)

// method is a method that sends a request to MLflow.
type method struct {
	name  string
	reads bool // whether it must return within three seconds
	call  func(ctx context.Context) error
}

// methods returns every method that sends a request.
func methods(c *mlflow.Client) []method {
	return []method{
		{"Check", true, c.Check},
		{"EnsureExperiment", true, func(ctx context.Context) error { _, err := c.EnsureExperiment(ctx, "e"); return err }},
		{"CreateRun", false, func(ctx context.Context) error { _, err := c.CreateRun(ctx, mlflow.NewRun{}); return err }},
		{"GetRun", true, func(ctx context.Context) error { _, err := c.GetRun(ctx, "r"); return err }},
		{"FindRun", true, func(ctx context.Context) error { _, err := c.FindRun(ctx, "1", "a", "b"); return err }},
		{"FindRuns", true, func(ctx context.Context) error { _, err := c.FindRuns(ctx, "1", "a", "b"); return err }},
		{"EnsureRun", true, func(ctx context.Context) error {
			_, err := c.EnsureRun(ctx, mlflow.NewRun{ExperimentID: "1", Tags: map[string]string{"a": "b"}}, "a")
			return err
		}},
		{"DeleteDuplicateRuns", true, func(ctx context.Context) error {
			return c.DeleteDuplicateRuns(ctx, "1", "a", "b", "r")
		}},
		{"DeleteRun", false, func(ctx context.Context) error { return c.DeleteRun(ctx, "r") }},
		{"MetricHistory", true, func(ctx context.Context) error { _, err := c.MetricHistory(ctx, "r", "loss"); return err }},
		{"UpdateRun", false, func(ctx context.Context) error {
			return c.UpdateRun(ctx, "r", mlflow.RunFinished, time.Now())
		}},
		{"LogBatch", false, func(ctx context.Context) error { return c.LogBatch(ctx, "r", bigBatch(1, 1, 1)) }},
		{"LogDataset", false, func(ctx context.Context) error { return c.LogDataset(ctx, "r", mlflow.Dataset{}) }},
		{"LogModelOutput", false, func(ctx context.Context) error { return c.LogModelOutput(ctx, "r", "m-1") }},
		{"CreateLoggedModel", false, func(ctx context.Context) error {
			_, err := c.CreateLoggedModel(ctx, mlflow.NewLoggedModel{})
			return err
		}},
		{"GetLoggedModel", true, func(ctx context.Context) error { _, err := c.GetLoggedModel(ctx, "m-1"); return err }},
		{"FindLoggedModel", true, func(ctx context.Context) error { _, err := c.FindLoggedModel(ctx, "1", "r"); return err }},
		{"FindLoggedModels", true, func(ctx context.Context) error {
			_, err := c.FindLoggedModels(ctx, "1", "r")
			return err
		}},
		{"EnsureLoggedModel", true, func(ctx context.Context) error {
			_, err := c.EnsureLoggedModel(ctx, mlflow.NewLoggedModel{RunID: "r"})
			return err
		}},
		{"DeleteLoggedModel", false, func(ctx context.Context) error { return c.DeleteLoggedModel(ctx, "m-1") }},
		{"FinishLoggedModel", false, func(ctx context.Context) error {
			return c.FinishLoggedModel(ctx, "m-1", mlflow.LoggedModelReady)
		}},
		{
			"EnsureRegisteredModel",
			true,
			func(ctx context.Context) error { return c.EnsureRegisteredModel(ctx, "m", "", nil) },
		},
		{
			"GetRegisteredModel",
			true,
			func(ctx context.Context) error { _, err := c.GetRegisteredModel(ctx, "m"); return err },
		},
		{"RegisteredModels", true, func(ctx context.Context) error { _, err := c.RegisteredModels(ctx); return err }},
		{"SetAlias", false, func(ctx context.Context) error { return c.SetAlias(ctx, "m", "a", "1") }},
		{"DeleteAlias", false, func(ctx context.Context) error { return c.DeleteAlias(ctx, "m", "a") }},
		{"GetAlias", true, func(ctx context.Context) error { _, err := c.GetAlias(ctx, "m", "a"); return err }},
		{
			"CreateVersion",
			false,
			func(ctx context.Context) error { _, err := c.CreateVersion(ctx, mlflow.NewVersion{}); return err },
		},
		{"GetVersion", true, func(ctx context.Context) error { _, err := c.GetVersion(ctx, "m", "1"); return err }},
		{"SearchVersions", true, func(ctx context.Context) error { _, err := c.SearchVersions(ctx, ""); return err }},
		{"DeleteVersion", false, func(ctx context.Context) error { return c.DeleteVersion(ctx, "m", "1") }},
		{"SetVersionTag", false, func(ctx context.Context) error { return c.SetVersionTag(ctx, "m", "1", "a", "b") }},
		{"UpdateVersion", false, func(ctx context.Context) error { return c.UpdateVersion(ctx, "m", "1", "d") }},
		{"PutArtifact", false, func(ctx context.Context) error {
			return c.PutArtifact(ctx, "mlflow-artifacts:/1", "a", strings.NewReader("x"), 1, "")
		}},
		{
			"GetArtifact",
			false,
			func(ctx context.Context) error { _, err := c.GetArtifact(ctx, "mlflow-artifacts:/1", "a"); return err },
		},
	}
}

// callAll makes all calls at the same time, because most of them only wait, and checks each.
func callAll(ctx context.Context, list []method, check func(m method, err error, took time.Duration)) {
	type result struct {
		method
		err  error
		took time.Duration
	}
	results := make(chan result, len(list))
	for _, m := range list {
		go func() {
			begin := time.Now()
			err := m.call(ctx)
			results <- result{m, err, time.Since(begin)}
		}()
	}
	for range list {
		r := <-results
		check(r.method, r.err, r.took)
	}
}

// promise bounds how long a caller waits for ErrUnavailable.
const promise = 3 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener := must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestUnavailable_refused(t *testing.T) {
	listener := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := mlflow.New(mlflow.Options{URL: "http://" + listener.Addr().String(), WriteAttempts: 3})
	callAll(t.Context(), methods(c), func(m method, err error, took time.Duration) {
		var network *net.OpError
		if !errors.Is(err, mlflow.ErrUnavailable) || !errors.As(err, &network) {
			t.Errorf("%s: got error %v, want ErrUnavailable and the net.OpError in it", m.name, err)
		}
		if took > promise {
			t.Errorf("%s took %s, want less than %s", m.name, took, promise)
		}
	})
}

func TestUnavailable_silent(t *testing.T) {
	c := mlflow.New(mlflow.Options{URL: "http://" + listen(t).Addr().String()}) // accepts, but never answers
	reading := slices.DeleteFunc(methods(c), func(m method) bool { return !m.reads })
	callAll(t.Context(), reading, func(m method, err error, took time.Duration) {
		if !errors.Is(err, mlflow.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "no answer in time") {
			t.Errorf("%s: got error %v, want ErrUnavailable", m.name, err)
		}
		if took > promise {
			t.Errorf("%s took %s, want less than %s", m.name, took, promise)
		}
	})
}

func TestUnavailable_serverErrors(t *testing.T) {
	for _, status := range []int{
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusTooManyRequests,
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "over capacity", status) })
		callAll(t.Context(), methods(c), func(m method, err error, took time.Duration) {
			if !errors.Is(err, mlflow.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "over capacity") {
				t.Errorf("%d: %s: got error %v, want ErrUnavailable and the message", status, m.name, err)
			}
			if took > promise {
				t.Errorf("%d: %s took %s, want less than %s", status, m.name, took, promise)
			}
		})
	}
}

func TestCallersContext_isNotUnavailable(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := mlflow.New(mlflow.Options{URL: "http://" + listen(t).Addr().String()})
	for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late} {
		callAll(ctx, methods(c), func(m method, err error, _ time.Duration) {
			if !errors.Is(err, want) || errors.Is(err, mlflow.ErrUnavailable) {
				t.Errorf("%s: got error %v, want %v and not ErrUnavailable", m.name, err, want)
			}
		})
	}
}

func TestCancel_betweenAttempts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	requests := make(chan struct{}, 3)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests <- struct{}{}
		w.WriteHeader(http.StatusServiceUnavailable)
		cancel()
	})
	if _, err := c.GetRun(ctx, "r"); err == nil {
		t.Error("got no error")
	}
	if len(requests) != 1 {
		t.Errorf("%d requests, want 1", len(requests))
	}
}

func TestReads_surviveTwoFailures(t *testing.T) {
	const found = `{"run":{"info":{"run_id":"r"}}}`
	for name, failures := range map[string][]reply{
		"5xx":                {{500, ""}, {503, "busy"}, {200, found}},
		"closed connections": {{0, ""}, {0, ""}, {200, found}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, map[string][]reply{"GET runs/get": failures})
			if run, err := s.client.GetRun(t.Context(), "r"); err != nil || run.ID != "r" {
				t.Errorf("GetRun = %+v, %v; want the third answer", run, err)
			}
			if got := s.count("GET runs/get"); got != 3 {
				t.Errorf("%d requests, want 3", got)
			}
		})
	}
}

// A restart of MLflow takes seconds, and costs no write.
func TestWrites_surviveARestart(t *testing.T) {
	var back atomic.Bool
	requests := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests <- struct{}{}
		if !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	time.AfterFunc(2*time.Second, func() { back.Store(true) })
	c := mlflow.New(mlflow.Options{URL: server.URL})
	if err := c.LogBatch(t.Context(), "r", bigBatch(1, 0, 0)); err != nil {
		t.Errorf("LogBatch = %v, want it to succeed after two seconds", err)
	}
	if n := len(requests); n > 8 {
		t.Errorf("%d requests in two seconds, want longer and longer waits between them", n)
	}
}

func TestRepetition(t *testing.T) {
	for _, test := range []struct {
		name     string
		first    reply
		requests int
	}{
		{"server error", reply{503, ""}, 3},
		{"closed connection", reply{0, ""}, 3},
		{"refusal", reply{400, `{"error_code":"INVALID_PARAMETER_VALUE"}`}, 1},
		{"missing", reply{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`}, 1},
	} {
		for request, call := range map[string]func(c *mlflow.Client) error{
			"GET model-versions/get": func(c *mlflow.Client) error {
				_, err := c.GetVersion(t.Context(), "m", "1")
				return err
			},
			"POST runs/search": func(c *mlflow.Client) error {
				_, err := c.FindRun(t.Context(), "1", "a", "b")
				return err
			},
			"POST runs/log-batch": func(c *mlflow.Client) error {
				return c.LogBatch(t.Context(), "r", bigBatch(1, 0, 0))
			},
			"POST runs/update": func(c *mlflow.Client) error {
				return c.UpdateRun(t.Context(), "r", mlflow.RunFailed, time.Now())
			},
			"DELETE registered-models/alias": func(c *mlflow.Client) error {
				return c.DeleteAlias(t.Context(), "m", "a")
			},
		} {
			t.Run(test.name+"/"+request, func(t *testing.T) {
				s := newScript(t, map[string][]reply{request: {test.first}})
				if err := call(s.client); err == nil {
					t.Error("got no error")
				}
				if got := s.count(request); got != test.requests {
					t.Errorf("%d requests, want %d", got, test.requests)
				}
			})
		}
	}
}

// MLflow would create two things if these requests were sent twice.
func TestCreate_isSentOnce(t *testing.T) {
	missing := reply{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`}
	for request, call := range map[string]func(c *mlflow.Client) error{
		"POST runs/create": func(c *mlflow.Client) error { _, err := c.CreateRun(t.Context(), mlflow.NewRun{}); return err },
		"POST logged-models": func(c *mlflow.Client) error {
			_, err := c.CreateLoggedModel(t.Context(), mlflow.NewLoggedModel{})
			return err
		},
		"POST model-versions/create": func(c *mlflow.Client) error {
			_, err := c.CreateVersion(t.Context(), mlflow.NewVersion{})
			return err
		},
		"POST experiments/create": func(c *mlflow.Client) error {
			_, err := c.EnsureExperiment(t.Context(), "e")
			return err
		},
		"POST registered-models/create": func(c *mlflow.Client) error {
			return c.EnsureRegisteredModel(t.Context(), "m", "", nil)
		},
	} {
		for name, answer := range map[string]reply{"503": {503, ""}, "closed connection": {0, ""}} {
			t.Run(request+"/"+name, func(t *testing.T) {
				s := newScript(t, map[string][]reply{
					request: {answer}, "GET experiments/get-by-name": {missing}, "GET registered-models/get": {missing},
				})
				wantError(t, call(s.client), mlflow.ErrUnavailable, "create ")
				if got := s.count(request); got != 1 {
					t.Errorf("%d requests, want 1", got)
				}
			})
		}
	}
}
