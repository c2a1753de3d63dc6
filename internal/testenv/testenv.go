// Package testenv gives tests a real Temporal, MinIO and MLflow. A part starts when a test first needs it, runs on free
// ports with its state in a temporary folder, and serves every test of the process. Main stops all of them:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
// The programs come from the project's own .stack folder, where `make stack` installs them. Without them a test fails:
// it neither compiles servers nor skips. Only tests import this package.
package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris/internal/stack"
)

// startTimeout bounds the start of parts. They take about 12 s on two idle cores.
const startTimeout = 10 * time.Minute

// shared is the stack of this process. Go runs the tests of each package in a process of its own.
var shared struct {
	mu    sync.Mutex
	dir   string
	stack *stack.Stack
	err   error // why a part did not start; no test tries again
}

// Main runs the tests, then stops the parts that they started. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// All starts every part and returns the addresses. Bucket and Namespace make names for a test's own use.
func All(t testing.TB) stack.Addresses { return need(t, stack.AllParts()...) }

// Name returns a new name, valid for a bucket, a namespace, a model and an experiment.
func Name() string { return "test-" + strings.ToLower(rand.Text()[:10]) }

// Root returns the folder of the module: the first one with a go.mod, from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}

// StackDir returns the project's .stack folder.
func StackDir() (string, error) {
	root, err := Root()
	return filepath.Join(root, ".stack"), err
}

// Programs returns where parts are installed. If one is missing, the test fails and says which command installs it.
func Programs(t testing.TB, parts ...stack.Part) stack.Paths {
	t.Helper()
	paths, err := programs(t.Context(), parts...)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func programs(ctx context.Context, parts ...stack.Part) (stack.Paths, error) {
	dir, err := StackDir()
	if err != nil {
		return stack.Paths{}, err
	}
	paths, err := stack.Find(ctx, dir, parts...)
	if err != nil {
		return stack.Paths{}, fmt.Errorf("%w: %s", err, remedy(parts))
	}
	return paths, nil
}

// remedy names the command that installs parts.
func remedy(parts []stack.Part) string {
	if slices.Equal(parts, stack.AllParts()) {
		return "run `make stack`; `make test` does it"
	}
	command := "run `go run ./internal/testenv/install"
	for _, part := range parts {
		command += " " + string(part)
	}
	return command + "`; `make test-interop` and the benchmarks of `make` do it"
}

// need starts the parts that do not run yet. A failure ends this test and every later one that needs a part.
func need(t testing.TB, parts ...stack.Part) stack.Addresses {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	// Not the context of the test: the parts outlive the test that happens to come first.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	switch {
	case shared.err != nil:
	case shared.stack == nil:
		shared.err = start(ctx, parts)
	default:
		shared.err = shared.stack.Extend(ctx, parts...)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.stack.Addresses()
}

// start starts the first parts. The caller holds the mutex. Later tests may need any part, so all must be installed.
func start(ctx context.Context, parts []stack.Part) error {
	paths, err := programs(ctx, stack.AllParts()...)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "iris-testenv-")
	if err != nil {
		return err
	}
	s, err := stack.Start(ctx, stack.Options{Paths: paths, DataDir: dir, Parts: parts, Log: os.Stderr})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	shared.dir, shared.stack = dir, s
	return nil
}

// stop ends the parts that were started and removes their state.
func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stack == nil {
		return nil
	}
	return errors.Join(shared.stack.Stop(context.Background()), os.RemoveAll(shared.dir))
}
