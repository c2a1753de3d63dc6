// Package app connects the packages of Iris: it turns a Config into a running worker and API, in one process or in
// several. Package main and the end-to-end tests start Iris through it. It only wires: it reads no environment and
// decides nothing about models or requests.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"iris/activities"
	"iris/apiserver"
	"iris/internal/champions"
	"iris/internal/child"
	"iris/internal/dial"
	"iris/internal/mlflow"
	"iris/internal/modelcache"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/worker"
	"iris/workflows"
)

// Config holds the choices of an operator. Package main reads them from the environment.
type Config struct {
	Temporal client.Options
	S3       objstore.Options
	MLflow   string // base URL

	Bucket       string
	DataBuckets  []string      // other buckets from which datasets may be read
	UploadDays   int           // days until an upload expires; 0 keeps it
	BatchDays    int           // days until a batch expires; 0 keeps it
	DefaultModel string        // of the routes without a model name
	DrainDelay   time.Duration // between the end of readiness and the end of connections when the API stops
	MaxUpload    int64         // bytes of a dataset

	MaxBatchUpload int64  // bytes of a file of rows
	MaxBatchData   int64  // bytes of the objects that a batch reads
	CacheDir       string // folder that keeps the champions for a start during an outage; none when empty
	CacheBytes     int64  // bytes of the artifacts in CacheDir
	VersionCache   int64  // bytes of cached versions that are not champions; the default when 0
	Slots          int    // activities that compute at the same time; one per CPU when 0
	Memory         int64  // bytes that the fits of a worker use together; 0 sets no limit

	// FitArgs are arguments with which this program calls Fit. The worker starts a process with them for each fit; it
	// fits in its own process when they are empty.
	FitArgs []string

	Sweep SweepConfig

	// Base URLs for links; may be empty.
	TemporalUI string
	MLflowUI   string

	Version   string
	GitCommit string
	Logger    *slog.Logger
}

// System is Iris with clients of its dependencies.
type System struct {
	Temporal client.Client
	Store    *objstore.Store
	MLflow   *mlflow.Client
	Registry *registry.Registry
	Cache    *champions.Cache

	disk   *modelcache.Dir // nil without a CacheDir
	config Config
}

// Connect builds a System. It opens no connection yet: a dependency that is down appears at its first use, as a 503 or
// a retried activity.
func Connect(c Config) (*System, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	store, err := objstore.New(c.S3)
	if err != nil {
		return nil, err
	}
	lab := mlflow.New(mlflow.Options{URL: c.MLflow})
	var disk *modelcache.Dir
	if c.CacheDir != "" {
		disk = modelcache.New(c.CacheDir, c.CacheBytes)
	}
	reg, err := registry.New(registry.Options{MLflow: lab, Store: store, Bucket: c.Bucket, Disk: disk})
	if err != nil {
		return nil, err
	}
	cache, err := champions.New(champions.Options{Registry: reg, Logger: c.Logger, Bytes: c.VersionCache, Disk: disk})
	if err != nil {
		return nil, err
	}
	c.Temporal.Logger = log.NewStructuredLogger(c.Logger)
	c.Temporal.ConnectionOptions.DialOptions = append(
		slices.Clip(c.Temporal.ConnectionOptions.DialOptions), dial.Options()...)
	temporal, err := client.NewLazyClient(c.Temporal)
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	return &System{Temporal: temporal, Store: store, MLflow: lab, Registry: reg, Cache: cache, disk: disk, config: c}, nil
}

// Close closes the connection to Temporal.
func (s *System) Close() { s.Temporal.Close() }

// idempotencyDays is how many days the answers to requests with an idempotency key are kept.
const idempotencyDays = 1

// Prepare creates what must exist before anything runs: the bucket with its expiry rules, and further buckets without
// rules. It warns if MLflow answers and its database is not UTF-8.
func (s *System) Prepare(ctx context.Context, further ...string) error {
	for _, bucket := range append([]string{s.config.Bucket}, further...) {
		if err := s.Store.EnsureBucket(ctx, bucket); err != nil {
			return fmt.Errorf("bucket %s: %w", bucket, err)
		}
	}
	// MLflow may start after this.
	if err := s.MLflow.CheckEncoding(ctx); errors.Is(err, mlflow.ErrEncoding) {
		s.config.Logger.Warn("MLflow refuses text outside ASCII: create its database with the encoding UTF8", "error", err)
	}
	return s.Store.SetExpiry(ctx, s.config.Bucket, map[string]int{
		objstore.UploadsPrefix: s.config.UploadDays,
		objstore.BatchesPrefix: s.config.BatchDays,

		objstore.IdempotencyPrefix: idempotencyDays,
	})
}

// RunWorker serves the task queues until ctx ends.
func (s *System) RunWorker(ctx context.Context) error {
	// The worker's cache needs no refresh: a batch names its version, and versions never change.
	o := champions.Options{Registry: s.Registry, Logger: s.config.Logger, Bytes: s.config.VersionCache}
	versions, err := champions.New(o)
	if err != nil {
		return err
	}
	fits, err := s.fitProcesses()
	if err != nil {
		return err
	}
	acts, err := activities.New(activities.Options{
		MLflow: s.MLflow, Store: s.Store, Registry: s.Registry, Versions: versions,
		Bucket: s.config.Bucket, DataBuckets: s.config.DataBuckets, GitCommit: s.config.GitCommit,
		Outcome: workflows.SweepOutcome,
		Memory:  s.config.Memory, Fits: fits,
	})
	if err != nil {
		return err
	}
	if err := s.ensureSweep(ctx); err != nil { // tasks need no sweep, so the worker runs without it
		s.config.Logger.Error("the schedule of the sweep was not created", "error", err)
	}
	w, err := worker.New(worker.Options{Client: s.Temporal, Activities: acts, Slots: s.config.Slots})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// fitProcesses returns how the worker starts processes for its fits, nil if it fits in its own.
func (s *System) fitProcesses() (*activities.FitProcesses, error) {
	if len(s.config.FitArgs) == 0 {
		return nil, nil
	}
	self, err := child.Self(s.config.FitArgs...)
	return &activities.FitProcesses{Command: self, S3: s.config.S3, Bucket: s.config.Bucket}, err
}

// Fit is the process of one fit: it reads what to do from in and writes the result to out. Config.FitArgs start it.
func Fit(in io.Reader, out io.Writer) error { return activities.ServeFit(in, out) }

// gcFloor is the size of an allocation that is never touched. It takes no memory, but the garbage collector counts it
// as memory in use, so the API collects after about 12 MB of garbage. Without it, an API with small models has 6 MB in
// use and collects every 6 MB. With twice as much, an upload would take the process above 100 MB.
const gcFloor = 6 << 20

// RunAPI serves the REST API on l and, unless g is nil, gRPC inference on g. It follows the champions until it returns.
func (s *System) RunAPI(ctx context.Context, l, g net.Listener) error {
	stop := s.follow(ctx)
	defer stop()
	return s.serve(ctx, l, g)
}

// serve serves the API while the caller follows the champions.
func (s *System) serve(ctx context.Context, l, g net.Listener) error {
	defer runtime.KeepAlive(make([]byte, gcFloor))
	server, err := apiserver.New(apiserver.Options{
		Temporal:       s.Temporal,
		Store:          s.Store,
		Registry:       s.Registry,
		Cache:          s.Cache,
		Bucket:         s.config.Bucket,
		DataBuckets:    s.config.DataBuckets,
		DefaultModel:   s.config.DefaultModel,
		DrainDelay:     s.config.DrainDelay,
		MaxUpload:      s.config.MaxUpload,
		MaxBatchUpload: s.config.MaxBatchUpload,
		MaxBatchData:   s.config.MaxBatchData,
		TemporalUI:     s.config.TemporalUI,
		MLflowUI:       s.config.MLflowUI,
		Namespace:      s.config.Temporal.Namespace,
		Version:        s.config.Version,
		Logger:         s.config.Logger,
		Ready: func(ctx context.Context) map[string]error {
			found := map[string]error{"mlflow": s.MLflow.Check(ctx)}
			if s.disk != nil {
				found["cache_dir"] = diskError(s.disk.Check())
			}
			return found
		},
	})
	if err != nil {
		return errors.Join(err, closeAll(l, g))
	}
	parts := []func(context.Context) error{func(ctx context.Context) error { return server.Run(ctx, l) }}
	if g != nil {
		parts = append(parts, func(ctx context.Context) error { return server.RunGRPC(ctx, g) })
	}
	return together(ctx, parts...)
}

// diskError tells the API whether the disk is full.
func diskError(err error) error {
	if errors.Is(err, modelcache.ErrFull) {
		return fmt.Errorf("%w: %w", apiserver.ErrFull, err)
	}
	return err
}

// follow follows the champions until stop is called. The end of ctx does not end it: a server that drains still answers
// with the champion of that moment.
func (s *System) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Cache.Run(ctx) // returns nil when ctx ends, and logs what fails before
	}()
	return func() {
		cancel()
		<-ended
	}
}

// startPatience is how long the API waits for its champions before it listens without them.
const startPatience = 10 * time.Second

// ServeAPI is RunAPI on addresses, on which it listens only when the champions are loaded, so that a process that
// starts gets no request that it cannot answer. While MLflow is down, the champions come from Config.CacheDir. If there
// are none after startPatience, ServeAPI listens nevertheless: a first training needs an API, and /readyz says the
// rest.
func (s *System) ServeAPI(ctx context.Context, address, grpcAddress string) error {
	l, g, err := Listen(address, grpcAddress) // to say at once that an address is not free
	if err != nil {
		return err
	}
	if err := closeAll(l, g); err != nil {
		return err
	}
	stop := s.follow(ctx)
	defer stop()
	waiting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := s.Cache.AwaitAll(waiting); err != nil {
		s.config.Logger.Warn("listening without the champions: they could not be looked up", "error", s.Cache.Check())
	}
	if ctx.Err() != nil {
		return nil
	}
	if l, g, err = Listen(address, grpcAddress); err != nil {
		return err
	}
	return s.serve(ctx, l, g)
}

func closeAll(listeners ...net.Listener) (err error) {
	for _, l := range listeners {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// Listen listens on the addresses of the API. If grpcAddress is empty, g is nil.
func Listen(address, grpcAddress string) (l, g net.Listener, err error) {
	if l, err = net.Listen("tcp", address); err != nil {
		return nil, nil, fmt.Errorf("the API cannot listen on %s: %w; stop what listens there or set IRIS_LISTEN",
			address, err)
	}
	if grpcAddress == "" {
		return l, nil, nil
	}
	if g, err = net.Listen("tcp", grpcAddress); err != nil {
		err = fmt.Errorf("the API cannot listen on %s for gRPC: %w; stop what listens there or set IRIS_GRPC_LISTEN",
			grpcAddress, err)
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, g, nil
}

// together runs functions side by side. When ctx ends or one of them returns, it cancels the others, waits for them,
// and returns the first error.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error)
	for _, run := range all {
		go func() { results <- run(ctx) }()
	}
	var first error
	for range all {
		if err := <-results; err != nil && first == nil && !errors.Is(err, context.Canceled) {
			first = err
		}
		cancel()
	}
	return first
}
