package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

var rollingRequests = flag.Int("rolling.requests", 2000, "predictions during the rolling restarts")

// process is an API in its own process, which can be restarted on the same address.
type process struct {
	t       *testing.T
	program string
	address string
	env     []string
	command *exec.Cmd
}

func newProcess(t *testing.T, program string, env []string) *process {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // only its address is needed
	address := listener.Addr().String()
	return &process{
		t: t, program: program, address: address,
		env: slices.Concat(env, []string{"IRIS_LISTEN=" + address, "IRIS_GRPC_LISTEN="}),
	}
}

// start starts the API and returns what /readyz says first: it must not answer before it is ready.
func (p *process) start() (ready readiness) {
	p.t.Helper()
	p.command = exec.Command(p.program, "apiserver") //nolint:noctx // stop ends it
	p.command.Env, p.command.Stderr = p.env, os.Stderr
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.stop)
	eventually(p.t, "the API to answer", func() (answers bool) {
		ready, answers = readyz(p.address)
		return answers
	})
	return ready
}

// stop ends the API as an orchestrator does, and waits for its end.
func (p *process) stop() {
	if p.command.ProcessState != nil {
		return
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	_ = p.command.Wait() // its status says more
	if code := p.command.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("an API ended with status %d after SIGTERM, want 0", code)
	}
}

// readiness is what /readyz says.
type readiness struct {
	Ready        bool              `json:"ready"`
	Source       string            `json:"source"`
	Dependencies map[string]string `json:"dependencies"`
}

// readyz returns what /readyz says, and whether the API answered at all.
func readyz(address string) (ready readiness, answers bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return ready, false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ready, false
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	return ready, json.NewDecoder(response.Body).Decode(&ready) == nil
}

// balancer passes requests to the APIs that are ready. Like others of its kind, it asks for readiness from time to
// time, and tries another API if one cannot be reached or its connection ends before an answer.
type balancer struct {
	addresses []string
	client    *http.Client
	down      []atomic.Bool
	next      atomic.Int64
}

const (
	probeInterval = 50 * time.Millisecond
	drainDelay    = 500 * time.Millisecond
)

func newBalancer(t *testing.T, addresses ...string) *httptest.Server {
	t.Helper()
	b := &balancer{
		addresses: addresses, down: make([]atomic.Bool, len(addresses)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var probes sync.WaitGroup
	for i, address := range addresses {
		probes.Go(func() {
			for tick := time.NewTicker(probeInterval); ctx.Err() == nil; {
				ready, answers := readyz(address)
				b.down[i].Store(!answers || !ready.Ready)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	server := httptest.NewServer(b)
	t.Cleanup(func() {
		server.Close()
		stop()
		probes.Wait()
	})
	return server
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	for range 10 * len(b.addresses) {
		i := int(b.next.Add(1)) % len(b.addresses)
		if b.down[i].Load() {
			continue
		}
		status, answer, err := post(r.Context(), b.client, "http://"+b.addresses[i]+r.URL.Path, body)
		if err == nil {
			w.WriteHeader(status)
			_, _ = w.Write(answer)
			return
		}
	}
	w.WriteHeader(http.StatusBadGateway)
}

// post posts JSON and returns the answer.
func post(ctx context.Context, client *http.Client, url string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// Two APIs are restarted one after the other, again and again. No client notices: neither one of a balancer, nor one
// that knows both and tries the other.
func TestRestart_losesNoRequest(t *testing.T) {
	s := connect(t)
	s.run(t, s.RunWorker)
	s.train(workflows.TrainingInput{
		Model: "iris", Algorithm: model.LogisticRegression,
	})
	program := buildIris(t)
	env := s.environment(t.TempDir(), "IRIS_DRAIN_DELAY="+drainDelay.String(), "IRIS_CACHE_DIR="+t.TempDir())
	apis := []*process{newProcess(t, program, env), newProcess(t, program, env)}
	for _, api := range apis {
		if ready := api.start(); !ready.Ready {
			t.Fatalf("an API answers before it is ready: %+v", ready)
		}
	}
	balanced := newBalancer(t, apis[0].address, apis[1].address)
	const path, row = "/iris/predict", `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`

	var sent, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	client := func(try func(*http.Client) (int, []byte, error)) {
		own := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
		for ctx.Err() == nil {
			status, answer, err := try(own)
			sent.Add(1)
			if err != nil || status != http.StatusOK || !bytes.Contains(answer, []byte(`"label":"setosa"`)) {
				failed.Add(1)
				t.Errorf("request %d failed: status %d, %v: %.200s", sent.Load(), status, err, answer)
			}
		}
	}
	for i := range 4 {
		clients.Go(func() {
			client(func(own *http.Client) (int, []byte, error) {
				return post(t.Context(), own, balanced.URL+path, []byte(row))
			})
		})
		clients.Go(func() { // it stays with one API until that one fails
			at := i
			client(func(own *http.Client) (status int, answer []byte, err error) {
				for range 4 {
					status, answer, err = post(t.Context(), own, "http://"+apis[at%len(apis)].address+path, []byte(row))
					if err == nil && status != http.StatusServiceUnavailable {
						return status, answer, nil
					}
					at++
				}
				return status, answer, err
			})
		})
	}
	restarts := 0
	for sent.Load() < int64(*rollingRequests) || restarts < 2*len(apis) {
		api := apis[restarts%len(apis)]
		finish := s.slowUpload(t, api.address)
		stopped := make(chan struct{})
		go func() { defer close(stopped); api.stop() }()
		eventually(t, "the API to be unready", func() bool {
			ready, answers := readyz(api.address)
			return answers && !ready.Ready
		})
		finish()
		<-stopped
		if ready := api.start(); !ready.Ready {
			t.Errorf("an API answers before it is ready: %+v", ready)
		}
		restarts++
		time.Sleep(2 * probeInterval) // an orchestrator waits for the balancer before the next one
	}
	stop()
	clients.Wait()
	t.Logf("%d of %d requests failed in %d restarts", failed.Load(), sent.Load(), restarts)
}

// slowUpload begins an upload. The returned function sends the rest of it, and wants that it was accepted.
func (s *iris) slowUpload(t *testing.T, address string) (finish func()) {
	t.Helper()
	from, to := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/datasets", from)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/csv")
	status := make(chan string, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			status <- err.Error()
			return
		}
		defer response.Body.Close() //nolint:errcheck // only read from
		answer, _ := io.ReadAll(response.Body)
		status <- fmt.Sprintf("%d %s", response.StatusCode, answer)
	}()
	rows := noisyRows(7, 3000)
	if _, err := to.Write(rows[:len(rows)/2]); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_, err := to.Write(rows[len(rows)/2:])
		if err := errors.Join(err, to.Close()); err != nil {
			t.Error(err)
		}
		if got := <-status; !strings.HasPrefix(got, "201 ") {
			t.Errorf("an upload under way ended with %.300s", got)
		}
	}
}

// An API that starts while MLflow and the object store are down serves the champions that it served last, and says so.
func TestRestart_duringAnOutage(t *testing.T) {
	s := connect(t)
	s.run(t, s.RunWorker)
	s.train(workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	lab, _ := testenv.MLflowProxy(t)
	store, _ := testenv.S3Proxy(t)
	env := s.environment(t.TempDir(), "MLFLOW_TRACKING_URI="+lab.URL, "S3_ENDPOINT="+store.URL,
		"IRIS_CACHE_DIR="+t.TempDir())
	api := newProcess(t, buildIris(t), env)
	predict := func() (int, string) {
		t.Helper()
		const row = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`
		response, err := http.Post( //nolint:noctx // loopback
			"http://"+api.address+"/iris/predict", "application/json", strings.NewReader(row))
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, response.Header.Get("Model-Source") + errorText(response.Body.Close())
	}
	if ready := api.start(); !ready.Ready || ready.Source != "" || ready.Dependencies["cache_dir"] != "ok" {
		t.Fatalf("with everything up: %+v", ready)
	}
	if status, source := predict(); status != http.StatusOK || source != "" {
		t.Errorf("with everything up: %d from %q", status, source)
	}
	api.stop()
	lab.All(testenv.Refuse)
	store.All(testenv.Refuse)
	ready := api.start()
	if !ready.Ready || ready.Source != "disk" || ready.Dependencies["mlflow"] != "unreachable" ||
		ready.Dependencies["s3"] != "unreachable" {
		t.Fatalf("during the outage: %+v", ready)
	}
	if status, source := predict(); status != http.StatusOK || source != "disk" {
		t.Errorf("during the outage: %d from %q", status, source)
	}
	lab.All(testenv.Pass)
	store.All(testenv.Pass)
	eventually(t, "the API to follow the registry again", func() bool {
		ready, answers := readyz(api.address)
		return answers && ready.Ready && ready.Source == "" && ready.Dependencies["mlflow"] == "ok"
	})
	if status, source := predict(); status != http.StatusOK || source != "" {
		t.Errorf("after the outage: %d from %q", status, source)
	}
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}
