// Package stack is the local stack: it installs pinned versions of Temporal, MinIO and MLflow into a folder, starts
// them on the loopback interface, waits until each answers, and stops them. It serves `iris up` and, through package
// testenv, the tests. It does not deploy Iris: in production the three are services outside it.
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

// Part is a server of the stack, or a Python environment that can be installed but not started.
type Part string

// The servers.
const (
	MinIO    Part = "minio"
	Temporal Part = "temporal"
	MLflow   Part = "mlflow"
)

// The Python environments of tests and benchmarks. They can be installed, but not started.
const (
	Interop      Part = "interop"      // MLflow's client and onnxruntime, to read models as their users do
	TritonClient Part = "tritonclient" // a client of the Open Inference Protocol
	Bench        Part = "bench"        // scikit-learn and LightGBM, to compare learners with
	FastAPI      Part = "fastapi"      // a server to compare serving with
	MLServer     Part = "mlserver"     // another one
	BatchPeers   Part = "batch-peers"  // libraries to compare batches with
	Tables       Part = "tables"       // public tables, and libraries to compare models of them with
)

// AllParts lists the servers.
func AllParts() []Part { return []Part{MinIO, Temporal, MLflow} }

// Options says what to start and where it keeps its state.
type Options struct {
	Paths             // the programs, from Install or Find
	DataDir string    // objects, databases and credentials; created if missing; only one process may use it
	LogDir  string    // one log file per part; DataDir/logs when empty
	Parts   []Part    // AllParts when empty; MLflow implies MinIO
	Ports   Ports     // zero fields mean a free port
	Log     io.Writer // progress lines for people; discarded when nil

	beat time.Duration // time between two "waiting for" lines, 3 s when zero
}

// Addresses holds the addresses of the parts and the S3 keys. The fields of a part that was not started are empty.
type Addresses struct {
	Temporal   string // host:port of the gRPC frontend
	TemporalUI string // http URL
	S3         string // host:port
	S3Console  string // http URL
	MLflow     string // http URL

	S3AccessKey string
	S3SecretKey string
}

// Stack is a set of running parts. Several goroutines may use it.
type Stack struct {
	options     Options
	credentials credentials
	lock        *os.File
	log         *progress
	died        chan error // why a part ended by itself
	stopping    chan struct{}

	changing sync.Mutex // held while parts are started or stopped
	stopped  bool       // guarded by changing

	mu        sync.Mutex // guards the fields below
	addresses Addresses
	running   map[Part]*process
}

// Start starts the parts side by side and returns when each of them answers. After an error no part is running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.DataDir == "" {
		return nil, errors.New("start the stack: Options.DataDir is empty")
	}
	// MLflow runs in another working directory, where a relative path would mean another folder.
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

// Extend starts the parts that are not running yet and waits until they answer. After an error the caller can only stop
// the stack.
func (s *Stack) Extend(ctx context.Context, parts ...Part) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.stopped {
		return errors.New("start the stack: it has been stopped")
	}
	// Check all ports before anything runs, so that the first error names every busy one.
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

// Addresses returns the addresses of the running parts.
func (s *Stack) Addresses() Addresses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses
}

// Wait blocks until a part ends by itself and returns an error with the last lines of its log. After Stop it returns
// nil.
func (s *Stack) Wait() error {
	select {
	case err := <-s.died:
		return err
	case <-s.stopping:
		return nil
	}
}

// Stop ends every part and returns when no process is left. MinIO ends last, because MLflow writes to it. Stop kills a
// part that is still running ten seconds after SIGTERM or at the end of ctx. Calling it again does nothing.
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

// process returns the running process of a part, or nil.
func (s *Stack) process(part Part) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[part]
}

// watch reports a part that ends before Stop or End.
func (s *Stack) watch(p *process) {
	<-p.done
	if s.process(p.part) != p {
		return
	}
	select {
	case <-s.stopping:
	default:
		s.died <- p.exitError()
	}
}
