package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/contrib/envconfig"

	"iris/internal/app"
	"iris/internal/stack"
)

// settings holds the values of the environment.
type settings struct {
	app        app.Config
	listen     string
	grpcListen string // none when empty
	stackDir   string
	ports      stack.Ports
	level      slog.Level
}

// setting is one variable of the environment. readSettings reads the table of them and printSettings prints it, so the
// reference contains every setting.
type setting struct {
	name, fallback, about string
	set                   func(*settings, string) error
}

// settingGRPCListen is the only setting whose empty value differs from its default.
const settingGRPCListen = "IRIS_GRPC_LISTEN"

// table lists the settings. The connection to Temporal has Temporal's own.
func table() []setting {
	return []setting{
		{
			"IRIS_LISTEN", "127.0.0.1:8000", "address of the REST API",
			text(func(s *settings) *string { return &s.listen }),
		},
		{
			settingGRPCListen, "127.0.0.1:8001", "address of the gRPC API; an empty value turns gRPC off",
			text(func(s *settings) *string { return &s.grpcListen }),
		},
		{
			"IRIS_DRAIN_DELAY", "",
			"how long an API that stops still serves after it has stopped to be ready, such as `5s`; " +
				"by default 3s, or 0s if it listens on loopback addresses only",
			func(s *settings, v string) (err error) {
				s.app.DrainDelay = defaultDrainDelay(s.listen, s.grpcListen)
				if v != "" {
					s.app.DrainDelay, err = time.ParseDuration(v)
				}
				return err
			},
		},
		{
			"IRIS_DEFAULT_MODEL", "iris", "model of the routes without a model name",
			text(func(s *settings) *string { return &s.app.DefaultModel }),
		},
		{
			"IRIS_MAX_UPLOAD", "1073741824", "largest dataset that the API accepts, in bytes",
			size(func(s *settings) *int64 { return &s.app.MaxUpload }),
		},
		{
			"IRIS_MAX_BATCH_UPLOAD", "17179869184",
			"largest file of rows that the API accepts for a batch, in bytes after decompression",
			size(func(s *settings) *int64 { return &s.app.MaxBatchUpload }),
		},
		{
			"IRIS_MAX_BATCH_DATA", "68719476736", "most bytes that a batch may read by `data_path`",
			size(func(s *settings) *int64 { return &s.app.MaxBatchData }),
		},
		{
			"IRIS_COMPUTE_SLOTS", "0", "activities of a worker that compute at the same time; 0 means one per CPU",
			number(func(s *settings) *int { return &s.app.Slots }),
		},
		{
			"IRIS_MEMORY", "",
			"memory that the fits of a worker may use together, such as `4GiB`; 0 sets no limit, and an empty value means " +
				"70 % of the memory of the container, or of the machine",
			func(s *settings, v string) (err error) {
				s.app.Memory, err = memory(v)
				return err
			},
		},
		{
			"IRIS_VERSION_CACHE_MB", "128",
			"memory of an API or a worker for versions that are not champions, in MiB; " +
				"the version that was requested last stays in memory whatever its size",
			func(s *settings, v string) error {
				mib, err := strconv.ParseUint(v, 10, 20)
				s.app.VersionCache = max(1, int64(mib)<<20)
				return err
			},
		},
		{
			"IRIS_CACHE_DIR", "",
			"folder in which an API keeps its champions, so that it can start and serve them while MLflow or " +
				"the object store is down; none when empty",
			text(func(s *settings) *string { return &s.app.CacheDir }),
		},
		{
			"IRIS_CACHE_MB", "1024", "most MiB of artifacts in IRIS_CACHE_DIR; those used least recently go first",
			func(s *settings, v string) error {
				mib, err := strconv.ParseUint(v, 10, 30)
				s.app.CacheBytes = int64(mib) << 20
				return err
			},
		},
		{
			"IRIS_UPLOAD_DAYS", "1", "days until leftovers of an upload expire; 0 keeps them",
			number(func(s *settings) *int { return &s.app.UploadDays }),
		},
		{
			"IRIS_BATCH_DAYS", "30", "days until the rows and scores of a batch expire; 0 keeps them",
			number(func(s *settings) *int { return &s.app.BatchDays }),
		},
		{
			"IRIS_SWEEP_INTERVAL", "10m", "time between two sweeps of what tasks left behind; 0 turns them off",
			duration(func(s *settings) *time.Duration { return &s.app.Sweep.Interval }, 0),
		},
		{
			"IRIS_SWEEP_GRACE", "10m",
			"time after the end of a task in which it may still close what it opened; then the sweep does",
			duration(func(s *settings) *time.Duration { return &s.app.Sweep.Grace }, 1),
		},
		{
			"IRIS_SWEEP_LEFTOVERS", "168h",
			"time after the end of a task until the sweep deletes objects that only the task needed",
			duration(func(s *settings) *time.Duration { return &s.app.Sweep.Leftovers }, 1),
		},
		{
			"IRIS_LOG_LEVEL", "INFO",
			"DEBUG, INFO, WARN or ERROR; logs are JSON on standard error, or in logs/iris.log of the stack's folder (iris up)",
			func(s *settings, v string) error { return s.level.UnmarshalText([]byte(v)) },
		},
		{
			"IRIS_TEMPORAL_UI", "http://127.0.0.1:8233", "base address of the Temporal UI, for links",
			text(func(s *settings) *string { return &s.app.TemporalUI }),
		},
		{
			"IRIS_MLFLOW_UI", "http://127.0.0.1:5000", "base address of the MLflow UI, for links",
			text(func(s *settings) *string { return &s.app.MLflowUI }),
		},
		{
			"MLFLOW_TRACKING_URI", "http://127.0.0.1:5000", "address of the MLflow server",
			text(func(s *settings) *string { return &s.app.MLflow }),
		},
		{
			"S3_ENDPOINT", "127.0.0.1:9000", "host and port of the object store",
			text(func(s *settings) *string { return &s.app.S3.Endpoint }),
		},
		{
			"S3_ACCESS_KEY", "", "access key of the object store",
			text(func(s *settings) *string { return &s.app.S3.AccessKey }),
		},
		{
			"S3_SECRET_KEY", "", "secret key of the object store",
			text(func(s *settings) *string { return &s.app.S3.SecretKey }),
		},
		{"S3_REGION", "us-east-1", "region of the buckets", text(func(s *settings) *string { return &s.app.S3.Region })},
		{"S3_SECURE", "false", "true to use TLS with the object store", func(s *settings, v string) (err error) {
			s.app.S3.Secure, err = strconv.ParseBool(v)
			return err
		}},
		{
			"S3_PUBLIC_ENDPOINT", "",
			"host and port, or URL, under which clients reach the object store; links to results use it, " +
				"or S3_ENDPOINT when it is empty",
			text(func(s *settings) *string { return &s.app.S3.PublicEndpoint }),
		},
		{"S3_BUCKET", "iris", "bucket of Iris", text(func(s *settings) *string { return &s.app.Bucket })},
		{
			"S3_DATA_BUCKETS", "",
			"other buckets from which datasets may be read, separated by commas; never list MLflow's",
			func(s *settings, v string) error {
				s.app.DataBuckets = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
				return nil
			},
		},
		{
			"IRIS_STACK_DIR", ".stack", "folder of the local stack (iris up)",
			text(func(s *settings) *string { return &s.stackDir }),
		},
		{
			stack.SettingTemporalPort, "7233", "port of Temporal (iris up)",
			number(func(s *settings) *int { return &s.ports.Temporal }),
		},
		{
			stack.SettingTemporalUIPort, "8233", "port of the Temporal UI (iris up)",
			number(func(s *settings) *int { return &s.ports.TemporalUI }),
		},
		{stack.SettingS3Port, "9000", "port of MinIO (iris up)", number(func(s *settings) *int { return &s.ports.S3 })},
		{
			stack.SettingS3ConsolePort, "9001", "port of the MinIO console (iris up)",
			number(func(s *settings) *int { return &s.ports.S3Console }),
		},
		{
			stack.SettingMLflowPort, "5000", "port of MLflow (iris up)",
			number(func(s *settings) *int { return &s.ports.MLflow }),
		},
	}
}

// defaultDrainDelay returns how long a balancer takes to notice that an API is not ready. On loopback there is none.
func defaultDrainDelay(addresses ...string) time.Duration {
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return 3 * time.Second
		}
	}
	return 0
}

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = v
		return nil
	}
}

func number(field func(*settings) *int) func(*settings, string) error {
	return func(s *settings, v string) (err error) {
		*field(s), err = strconv.Atoi(v)
		return err
	}
}

func size(field func(*settings) *int64) func(*settings, string) error {
	return func(s *settings, v string) (err error) {
		*field(s), err = strconv.ParseInt(v, 10, 64)
		return err
	}
}

// duration parses a duration such as 90s or 10m that is not below least.
func duration(field func(*settings) *time.Duration, least time.Duration) func(*settings, string) error {
	return func(s *settings, v string) (err error) {
		if *field(s), err = time.ParseDuration(v); err == nil && *field(s) < least {
			err = fmt.Errorf("want at least %s", least)
		}
		return err
	}
}

// readSettings reads the settings and Temporal's own variables. An error names the variable.
func readSettings(env environment) (settings, error) {
	var s settings
	for _, entry := range table() {
		value, given := env.LookupEnv(entry.name)
		if value == "" && (!given || entry.name != settingGRPCListen) {
			value = entry.fallback
		}
		if err := entry.set(&s, value); err != nil {
			return s, fmt.Errorf("%s=%q: %w", entry.name, value, err)
		}
	}
	temporal, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: env})
	if err != nil {
		return s, fmt.Errorf("TEMPORAL_*: %w", err)
	}
	if temporal.Namespace == "" {
		temporal.Namespace = "default"
	}
	s.app.Temporal = temporal
	s.app.Version, s.app.GitCommit = version(), commit()
	s.app.FitArgs = []string{fitCommand}
	s.app.Logger = newLogger(os.Stderr, s.level)
	return s, nil
}

func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// printSettings prints the reference that docs/operations.md contains.
func printSettings(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n| --- | --- | --- |\n")
	for _, s := range table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.name, code(s.fallback), s.about)
	}
	b.WriteString("| `TEMPORAL_*` | `127.0.0.1:7233`, namespace `default` | connection to Temporal: " +
		"Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_*`) " +
		"or TOML profile |\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
