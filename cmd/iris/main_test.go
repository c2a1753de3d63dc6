package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris/internal/stack"
	"iris/internal/testenv"
)

// TestMain makes this program the process of the fits of its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == fitCommand {
		main()
		os.Exit(0)
	}
	testenv.Main(m)
}

func TestRun_errors(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		env  environment
		want string
	}{
		"no command":          {nil, nil, "no command given"},
		"unknown command":     {[]string{"fly"}, nil, `unknown command "fly"`},
		"unknown flag":        {[]string{"up", "--wings"}, nil, "-wings"},
		"bad number":          {[]string{"worker"}, environment{"IRIS_COMPUTE_SLOTS=two"}, "IRIS_COMPUTE_SLOTS"},
		"bad duration":        {[]string{"apiserver"}, environment{"IRIS_DRAIN_DELAY=soon"}, "IRIS_DRAIN_DELAY"},
		"bad bool":            {[]string{"apiserver"}, environment{"S3_SECURE=perhaps"}, "S3_SECURE"},
		"bad memory":          {[]string{"worker"}, environment{"IRIS_MEMORY=much"}, "IRIS_MEMORY"},
		"too much memory":     {[]string{"worker"}, environment{"IRIS_MEMORY=8 EiB"}, "1 PiB"},
		"bad level":           {[]string{"apiserver"}, environment{"IRIS_LOG_LEVEL=LOUD"}, "IRIS_LOG_LEVEL"},
		"bad size":            {[]string{"setup"}, environment{"IRIS_MAX_UPLOAD=big"}, "IRIS_MAX_UPLOAD"},
		"temporal profile":    {[]string{"worker"}, environment{"TEMPORAL_PROFILE=nobody"}, "TEMPORAL_"},
		"no grace":            {[]string{"sweep"}, environment{"IRIS_SWEEP_GRACE=0s"}, "IRIS_SWEEP_GRACE"},
		"bad interval":        {[]string{"worker"}, environment{"IRIS_SWEEP_INTERVAL=often"}, "IRIS_SWEEP_INTERVAL"},
		"a negative one":      {[]string{"worker"}, environment{"IRIS_SWEEP_INTERVAL=-1m"}, "IRIS_SWEEP_INTERVAL"},
		"unknown flag, sweep": {[]string{"sweep", "-wings"}, nil, "-wings"},
		"bad settings, up":    {[]string{"up"}, environment{"IRIS_BATCH_DAYS=-"}, "IRIS_BATCH_DAYS"},
		"bad endpoint": {
			[]string{"setup"},
			environment{"S3_ENDPOINT=http://a b", "S3_ACCESS_KEY=k", "S3_SECRET_KEY=s"},
			"a b",
		},
		"busy address": {
			[]string{"apiserver"},
			environment{"IRIS_LISTEN=256.0.0.1:1", "S3_ACCESS_KEY=k", "S3_SECRET_KEY=s"},
			"IRIS_LISTEN",
		},
		"busy gRPC address": {
			[]string{"apiserver"},
			environment{"IRIS_LISTEN=127.0.0.1:0", "IRIS_GRPC_LISTEN=256.0.0.1:1", "S3_ACCESS_KEY=k", "S3_SECRET_KEY=s"},
			"IRIS_GRPC_LISTEN",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.args, test.env, new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("iris %v: %v, want an error that contains %q", test.args, err, test.want)
			}
		})
	}
}

func TestRun_prints(t *testing.T) {
	for command, want := range map[string]string{
		"help":    "iris apiserver",
		"--help":  "iris worker",
		"version": "devel",
		"config":  "| `S3_BUCKET` | `iris` |",
	} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{command}, nil, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("iris %s printed %q (%v), want %q in it", command, out.String(), err, want)
		}
	}
	var out bytes.Buffer
	if err := run(
		t.Context(),
		[]string{"sweep", "-h"},
		nil,
		&out,
	); err != nil ||
		!strings.Contains(out.String(), "dry-run") {
		t.Errorf("iris sweep -h printed %q (%v), want its flags", out.String(), err)
	}
	if err := run(t.Context(), []string{"up", "-h"}, nil, &out); err != nil || !strings.Contains(out.String(), "demo") {
		t.Errorf("iris up -h printed %q (%v), want its flags", out.String(), err)
	}
}

// docs/operations.md contains the reference that the binary prints.
func TestConfig_isTheOneInTheDocs(t *testing.T) {
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printSettings(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), out.String()) {
		t.Error("docs/operations.md does not contain what `iris config` prints: put it there")
	}
}

func TestReadSettings_drainDelay(t *testing.T) {
	for _, test := range []struct {
		env  environment
		want time.Duration
	}{
		{nil, 0},
		{environment{"IRIS_LISTEN=localhost:80", "IRIS_GRPC_LISTEN="}, 0},
		{environment{"IRIS_LISTEN=[::1]:80"}, 0},
		{environment{"IRIS_LISTEN=:80"}, 3 * time.Second},
		{environment{"IRIS_LISTEN=0.0.0.0:80", "IRIS_GRPC_LISTEN="}, 3 * time.Second},
		{environment{"IRIS_GRPC_LISTEN=iris.internal:81"}, 3 * time.Second},
		{environment{"IRIS_LISTEN=0.0.0.0:80", "IRIS_DRAIN_DELAY=0"}, 0},
		{environment{"IRIS_DRAIN_DELAY=1m"}, time.Minute},
	} {
		s, err := readSettings(test.env)
		if err != nil || s.app.DrainDelay != test.want {
			t.Errorf("%v: %s (%v), want %s", test.env, s.app.DrainDelay, err, test.want)
		}
	}
}

func TestReadSettings(t *testing.T) {
	s, err := readSettings(environment{
		"IRIS_LISTEN=0.0.0.0:80",
		"S3_DATA_BUCKETS=a, b,,c",
		"S3_SECURE=true",
		"TEMPORAL_ADDRESS=temporal:7233",
		"TEMPORAL_NAMESPACE=flowers",
		"IRIS_MLFLOW_PORT=5001",
		"IRIS_UPLOAD_DAYS=0",
		"XIRIS_LISTEN=no",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.listen != "0.0.0.0:80" || !s.app.S3.Secure || s.ports.MLflow != 5001 || s.app.UploadDays != 0 ||
		s.app.BatchDays != 30 {
		t.Errorf("settings %+v, want the given ones and defaults for the others", s)
	}
	if got := strings.Join(s.app.DataBuckets, "|"); got != "a|b|c" {
		t.Errorf("data buckets %s, want a|b|c", got)
	}
	if s.app.Temporal.HostPort != "temporal:7233" || s.app.Temporal.Namespace != "flowers" {
		t.Errorf("temporal %s in %s, want the values of its own variables", s.app.Temporal.HostPort, s.app.Temporal.Namespace)
	}
	s, err = readSettings(nil)
	if err != nil || s.app.Temporal.Namespace != "default" || s.listen != "127.0.0.1:8000" ||
		s.grpcListen != "127.0.0.1:8001" {
		t.Errorf("without an environment: %+v (%v), want the defaults", s, err)
	}
	s, err = readSettings(environment{"IRIS_LISTEN=", "IRIS_GRPC_LISTEN="})
	if err != nil || s.listen != "127.0.0.1:8000" || s.grpcListen != "" {
		t.Errorf("with empty variables: %+v (%v), want the default address and no gRPC", s, err)
	}
}

// An operator starts these processes. They use the servers that the tests share.
func TestRun_setupWorkerAndAPI(t *testing.T) {
	a := testenv.All(t)
	listen, grpcListen := freeAddress(t), freeAddress(t)
	env := environment{
		"IRIS_LISTEN=" + listen,
		"IRIS_GRPC_LISTEN=" + grpcListen,
		"TEMPORAL_ADDRESS=" + a.Temporal,
		"TEMPORAL_NAMESPACE=" + testenv.Namespace(t),
		"MLFLOW_TRACKING_URI=" + a.MLflow,
		"S3_ENDPOINT=" + a.S3,
		"S3_ACCESS_KEY=" + a.S3AccessKey,
		"S3_SECRET_KEY=" + a.S3SecretKey,
		"IRIS_LOG_LEVEL=ERROR",
	}
	if err := run(t.Context(), []string{"setup", "further"}, env, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	if _, err := testenv.S3(t).List(t.Context(), "further", ""); err != nil {
		t.Errorf("the bucket that setup creates: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for _, command := range []string{"worker", "apiserver"} {
		go func() { ended <- run(ctx, []string{command}, env, new(bytes.Buffer)) }()
	}
	awaitListener(t, listen)
	awaitListener(t, grpcListen)
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("ended with %v, want nil after a stop", err)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its address is needed
	return l.Addr().String()
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing listens on %s: %v", address, err)
		}
	}
}

// A demo does more than `make run`: it starts everything, trains, predicts, scores a batch and stops.
func TestUp_demo(t *testing.T) {
	env := localEnvironment(t)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"up", "--demo"}, env, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"trained models:/iris/1", "trained models:/iris/2", "is setosa", "3 rows scored", "stopping",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not print %q:\n%s", want, out.String())
		}
	}

	// The second start finds the models, stays up, and ends when ctx does.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	up := &watched{until: "Ctrl-C stops everything", seen: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"up"}, env, up) }()
	select {
	case <-up.seen:
	case err := <-ended:
		t.Fatalf("ended with %v\n%s", err, up.text.String())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v, want nil", err)
	}
	if text := up.text.String(); !strings.Contains(text, "champion: models:/iris/2") || strings.Contains(text, "trained") {
		t.Errorf("the second start does not find the champion of the first:\n%s", text)
	}
}

func TestUp_namesTheBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its port is needed
	busy := l.Addr().(*net.TCPAddr).Port
	for setting, value := range map[string]string{
		"IRIS_LISTEN": l.Addr().String(), settingGRPCListen: l.Addr().String(), stack.SettingMLflowPort: fmt.Sprint(busy),
	} {
		env := append(environment{setting + "=" + value}, localEnvironment(t)...)
		err := run(t.Context(), []string{"up"}, env, new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), fmt.Sprint(busy)) {
			t.Errorf("with %s taken: %v, want the port and the setting named", setting, err)
		}
	}
}

// localEnvironment returns an environment with its own stack folder, which shares the installed parts of the project,
// and with free ports.
func localEnvironment(t *testing.T) environment {
	t.Helper()
	testenv.Programs(t, stack.AllParts()...)
	installed, err := testenv.StackDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(installed, "parts"), filepath.Join(dir, "parts")); err != nil {
		t.Fatal(err)
	}
	return environment{
		"IRIS_STACK_DIR=" + dir, "IRIS_LISTEN=127.0.0.1:0", "IRIS_GRPC_LISTEN=127.0.0.1:0", "IRIS_LOG_LEVEL=ERROR",
		"IRIS_TEMPORAL_PORT=0", "IRIS_TEMPORAL_UI_PORT=0", "IRIS_S3_PORT=0", "IRIS_S3_CONSOLE_PORT=0", "IRIS_MLFLOW_PORT=0",
	}
}

// watched keeps all that is written to it and closes seen when that contains until.
type watched struct {
	until string
	seen  chan struct{}
	text  bytes.Buffer
	found bool
}

// Write is called by one goroutine at a time: the command under test.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if !w.found && strings.Contains(w.text.String(), w.until) {
		w.found = true
		close(w.seen)
	}
	return n, err
}

func TestMemory(t *testing.T) {
	for value, want := range map[string]int64{"0": 0, "512MiB": 512 << 20, "2 GB": 2e9, "1000": 1000} {
		if got, err := memory(value); err != nil || got != want {
			t.Errorf("%s is %d bytes, %v, want %d", value, got, err, want)
		}
	}
	if got, err := memory(""); err != nil || got <= 0 || uint64(got) >= available() {
		t.Errorf("by default, %d bytes of %d, %v", got, available(), err)
	}
}
