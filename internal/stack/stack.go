// Package stack is the local stack: it installs pinned versions of Temporal, MinIO and MLflow into a folder, starts
// them on the loopback interface, waits until each answers, and stops them. `iris up` runs on it, and so do the tests
// through
// package testenv. It is not how Iris is deployed: in production the three are services that somebody else runs.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Part is one of the servers of the stack, or a Python environment that can only be installed.
type Part string

// The parts, in the order in which they are stopped last to first.
const (
	MinIO    Part = "minio"
	Temporal Part = "temporal"
	MLflow   Part = "mlflow"
)

// Interop is no server but a Python environment that can only be installed: MLflow's client with onnxruntime, for tests
// that read models as their users do.
const Interop Part = "interop"

// Bench can only be installed too: scikit-learn and LightGBM, to measure learners beside theirs.
const Bench Part = "bench"

// TritonClient can only be installed too: a client of the Open Inference Protocol, to test against.
const TritonClient Part = "tritonclient"

// FastAPI, MLServer and BatchPeers as well: two servers that serving is measured beside, and the libraries that batches
// are measured beside.
const (
	FastAPI    Part = "fastapi"
	MLServer   Part = "mlserver"
	BatchPeers Part = "batch-peers"
)

// AllParts lists every part that can be started.
func AllParts() []Part { return []Part{MinIO, Temporal, MLflow} }

// Options says what to start and where it keeps its state.
type Options struct {
	Paths             // what to run, as Install returned it
	DataDir string    // objects, databases and credentials; created when missing, used by one process at a time
	LogDir  string    // one log file a part; DataDir/logs when empty
	Parts   []Part    // every part when empty; MLflow brings MinIO along
	Ports   Ports     // zero fields mean a free port
	Log     io.Writer // progress lines for people; discarded when nil

	beat time.Duration // time between two "waiting for" lines, 3 s when zero
}

// Addresses is where the parts answer and how to sign in to S3. The fields of a part that was not started are empty.
type Addresses struct {
	Temporal   string // host:port of the gRPC frontend
	TemporalUI string // http URL
	S3         string // host:port
	S3Console  string // http URL
	MLflow     string // http URL

	S3AccessKey string
	S3SecretKey string
}

// Stack is a set of running parts. Its methods may be called from several goroutines.
type Stack struct {
	options     Options
	credentials credentials
	lock        *os.File
	log         *progress
	died        chan error // the first part that ended by itself
	stopping    chan struct{}

	changing sync.Mutex // held while parts are started or stopped
	stopped  bool       // guarded by changing

	mu        sync.Mutex // guards what follows
	addresses Addresses
	running   map[Part]*process
}

// Start starts the parts side by side and returns once each of them answers. On error nothing is left running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.DataDir == "" {
		return nil, errors.New("start the stack: Options.DataDir is empty")
	}
	// MLflow has another working directory, where a relative path would mean something else.
	var err error
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return nil, fmt.Errorf("start the stack: %w", err)
	}
	if o.LogDir == "" {
		o.LogDir = filepath.Join(o.DataDir, "logs")
	}
	if len(o.Parts) == 0 {
		o.Parts = AllParts()
	}
	if o.beat == 0 {
		o.beat = 3 * time.Second
	}
	for _, dir := range []string{o.DataDir, o.LogDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("start the stack: %w", err)
		}
	}
	lock, err := tryLock(filepath.Join(o.DataDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("start the stack: %w", err)
	}
	if lock == nil {
		return nil, fmt.Errorf("start the stack: %s is in use by another process: stop it first", o.DataDir)
	}
	keys, err := loadCredentials(filepath.Join(o.DataDir, credentialsFile))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Stack{
		options:     o,
		credentials: keys,
		lock:        lock,
		log:         newProgress(o.Log),
		died:        make(chan error, len(AllParts())),
		stopping:    make(chan struct{}),
		running:     map[Part]*process{},
	}
	if err := s.Extend(ctx, o.Parts...); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Extend starts those of parts that are not running yet and waits until they answer. After an error the stack is only
// good for Stop.
func (s *Stack) Extend(ctx context.Context, parts ...Part) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.stopped {
		return errors.New("start the stack: it has been stopped")
	}
	// All at once and before anything runs, so that a person hears of every busy port at the first try.
	var busy error
	for _, part := range parts {
		if s.process(part) == nil {
			_, err := claim(s.options.Ports.of(part))
			busy = errors.Join(busy, err)
		}
	}
	if busy != nil {
		return busy
	}
	mlflow := slices.Contains(parts, MLflow)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if mlflow || slices.Contains(parts, MinIO) {
			if err := s.start(ctx, MinIO, s.minio); err != nil {
				return err
			}
		}
		if mlflow {
			return s.start(ctx, MLflow, s.mlflow)
		}
		return nil
	})
	if slices.Contains(parts, Temporal) {
		group.Go(func() error { return s.start(ctx, Temporal, s.temporal) })
	}
	return group.Wait()
}

// Addresses says where the parts answer.
func (s *Stack) Addresses() Addresses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses
}

// Wait blocks until a part ends by itself and returns an error with the last lines of its log, or nil after Stop.
func (s *Stack) Wait() error {
	select {
	case err := <-s.died:
		return err
	case <-s.stopping:
		return nil
	}
}

// Stop ends every part, MinIO last because MLflow writes to it, and returns when no process is left. A part that has
// not gone ten seconds after SIGTERM, or when ctx ends, is killed. Calling it again does nothing.
func (s *Stack) Stop(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	close(s.stopping)
	var clients sync.WaitGroup
	for _, part := range []Part{MLflow, Temporal} {
		clients.Go(func() { s.process(part).stop(ctx) })
	}
	clients.Wait()
	s.process(MinIO).stop(ctx)
	return s.lock.Close()
}

// process is the running process of a part, or nil.
func (s *Stack) process(part Part) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[part]
}

// watch reports a part that ends while nobody asked it to.
func (s *Stack) watch(p *process) {
	<-p.done
	select {
	case <-s.stopping:
	default:
		s.died <- p.exitError()
	}
}
