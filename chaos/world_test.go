package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.temporal.io/sdk/client"

	"iris/internal/stack"
	"iris/internal/testenv"
)

// bucket is that of Iris, artifacts that of MLflow.
const (
	bucket    = "iris"
	artifacts = "mlflow"
)

// world is two APIs, two workers and their dependencies, each reached through a proxy.
type world struct {
	t         *testing.T
	dir       string
	logs      string // folder
	stack     *stack.Stack
	addresses stack.Addresses
	proxies   map[dependency]*proxy
	program   string
	apis      []*program
	workers   []*program
	disk      *disk
	direct    []string // environment of a process that reaches the dependencies without a proxy
	sweeping  sync.Mutex
	apiDown   sync.Mutex // held while an API is down or frozen

	temporal client.Client // reaches Temporal directly, as an operator does
	s3       *minio.Client // reaches MinIO directly
	http     *http.Client
}

// newWorld starts a world. The end of the test stops it.
func newWorld(t *testing.T) *world {
	t.Helper()
	paths := testenv.Programs(t, stack.AllParts()...)
	w := &world{
		t:       t,
		dir:     t.TempDir(),
		logs:    logFolder(t),
		proxies: map[dependency]*proxy{},
		http:    &http.Client{Timeout: 30 * time.Second},
	}
	began := time.Now()
	if err := w.start(t, paths); err != nil {
		t.Fatal(err)
	}
	t.Logf("two workers, two APIs and their dependencies run after %s", time.Since(began).Round(time.Second))
	return w
}

// logFolder returns a folder for the logs of the processes. A test that fails keeps it.
func logFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iris-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir) // the system removes it later
	})
	return dir
}

func (w *world) start(t *testing.T, paths stack.Paths) error {
	built := make(chan error, 1)
	go func() {
		var err error
		w.program, err = build(w.dir)
		built <- err
	}()
	data := filepath.Join(w.dir, "data")
	var err error
	if w.disk, err = newDisk(filepath.Join(data, "minio")); err != nil {
		return err
	}
	t.Cleanup(w.disk.close)
	w.stack, err = stack.Start(t.Context(), stack.Options{Paths: paths, DataDir: data, LogDir: w.logs, Log: os.Stderr})
	err = errors.Join(err, <-built)
	if w.stack != nil {
		t.Cleanup(func() { _ = w.stack.Stop(context.Background()) }) // some parts were killed
	}
	if err != nil {
		return err
	}
	w.addresses = w.stack.Addresses()
	w.direct = []string{
		"HOME=" + w.dir,
		"TEMPORAL_ADDRESS=" + w.addresses.Temporal,
		"MLFLOW_TRACKING_URI=" + w.addresses.MLflow,
		"S3_ENDPOINT=" + w.addresses.S3,
		"S3_ACCESS_KEY=" + w.addresses.S3AccessKey,
		"S3_SECRET_KEY=" + w.addresses.S3SecretKey,
		"IRIS_SWEEP_GRACE=1s", // a case does not wait ten minutes
	}
	if err := w.connect(t); err != nil {
		return err
	}
	for at, target := range map[dependency]string{
		mlflowDep:   w.addresses.MLflow[len("http://"):],
		s3Dep:       w.addresses.S3,
		temporalDep: w.addresses.Temporal,
	} {
		w.proxies[at] = newProxy(at, target)
		t.Cleanup(w.proxies[at].close)
	}
	return w.launch(t)
}

// connect makes the clients that reach the dependencies directly.
func (w *world) connect(t *testing.T) (err error) {
	w.s3, err = minio.New(w.addresses.S3, &minio.Options{
		Creds: credentials.NewStaticV4(w.addresses.S3AccessKey, w.addresses.S3SecretKey, ""),
	})
	if err != nil {
		return err
	}
	w.temporal, err = client.NewLazyClient(client.Options{HostPort: w.addresses.Temporal, Logger: quiet()})
	if err != nil {
		return err
	}
	t.Cleanup(w.temporal.Close)
	return nil
}

// launch starts the processes of Iris and waits until the APIs answer.
func (w *world) launch(t *testing.T) error {
	for i := range 2 {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		api := &program{name: fmt.Sprintf("api-%d", i+1), command: "apiserver", url: "http://" + address}
		worker := &program{name: fmt.Sprintf("worker-%d", i+1), command: "worker"}
		w.apis, w.workers = append(w.apis, api), append(w.workers, worker)
		for _, p := range []*program{worker, api} {
			p.path = w.program
			if p.environment, err = w.environment(p); err != nil {
				return err
			}
			if err := startProgram(p, w.logs); err != nil {
				return err
			}
			t.Cleanup(p.close)
		}
	}
	return w.await(
		t.Context(),
		"both APIs",
		time.Minute,
		func() bool { return w.apis[0].answers() && w.apis[1].answers() },
	)
}

// environment returns the environment of a process, which reaches each dependency through a proxy.
func (w *world) environment(p *program) ([]string, error) {
	home := filepath.Join(w.dir, p.name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + home,
		"IRIS_COMPUTE_SLOTS=2",
		"IRIS_GRPC_LISTEN=",
		"IRIS_SWEEP_INTERVAL=0", // the suite sweeps when a case has ended
		"S3_ACCESS_KEY=" + w.addresses.S3AccessKey,
		"S3_SECRET_KEY=" + w.addresses.S3SecretKey,
	}
	if p.url != "" {
		env = append(env, "IRIS_LISTEN="+p.url[len("http://"):])
	}
	for variable, at := range map[string]dependency{
		"TEMPORAL_ADDRESS=": temporalDep, "MLFLOW_TRACKING_URI=http://": mlflowDep, "S3_ENDPOINT=": s3Dep,
	} {
		address, err := w.proxies[at].listen(p)
		if err != nil {
			return nil, err
		}
		env = append(env, variable+address)
	}
	return env, nil
}

// complain reports a fault that could not be made. The run goes on, and fails.
func (w *world) complain(format string, arguments ...any) {
	w.t.Errorf(format, arguments...)
}

// await polls until a condition holds.
func (w *world) await(ctx context.Context, what string, limit time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s", limit, what)
		}
	}
	return nil
}

// sweep cleans up, as the schedule does.
func (w *world) sweep(ctx context.Context) error {
	w.sweeping.Lock()
	defer w.sweeping.Unlock()
	command := exec.CommandContext(ctx, w.program, "sweep")
	command.Env = w.direct
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("iris sweep: %w: %s", err, out)
	}
	return nil
}

// watch lets every proxy count the requests of a case.
func (w *world) watch(l *ledger) {
	for _, p := range w.proxies {
		p.watch(l)
	}
}
