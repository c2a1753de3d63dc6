// Package testenv gives tests a real Temporal, MinIO and MLflow. The parts start when a test first asks for one, run on
// free ports with their state in a temporary folder, serve every test of the process, and are stopped by Main:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
// They are installed into the project's own .stack folder, as `iris up` does. Only tests import this package.
package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iris/internal/stack"
)

// startTimeout covers an install from nothing as well, when nobody ran `make stack` before.
const startTimeout = 20 * time.Minute

// shared is the stack of this process. Go runs the tests of each package in a process of its own.
var shared struct {
	mu    sync.Mutex
	dir   string
	stack *stack.Stack
	err   error // why a part could not be had; no test tries again
}

// Main runs the tests and then stops whatever they started. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// All starts every part and says where they answer. Bucket names come from Bucket, namespaces from Namespace.
func All(t testing.TB) stack.Addresses { return need(t, stack.AllParts()...) }

// Name is a new name that a bucket, a namespace, a model or an experiment may have.
func Name() string { return "test-" + strings.ToLower(rand.Text()[:10]) }

// Root is the folder of the module, found from the working directory upwards.
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

// Install makes sure that parts are in the project's .stack folder.
func Install(ctx context.Context, log io.Writer, parts ...stack.Part) (stack.Paths, error) {
	root, err := Root()
	if err != nil {
		return stack.Paths{}, err
	}
	return stack.Install(ctx, stack.InstallOptions{Dir: filepath.Join(root, ".stack"), Parts: parts, Log: log})
}

// need starts those of the parts that do not run yet. A failure ends the test, and every later one that needs a part.
func need(t testing.TB, parts ...stack.Part) stack.Addresses {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	// Not the test's context: the parts outlive the test that happens to come first.
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

// start installs the parts when they are not there and starts the first ones. It holds the mutex.
func start(ctx context.Context, parts []stack.Part) error {
	paths, err := Install(ctx, os.Stderr)
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

// stop ends whatever was started and removes its state.
func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stack == nil {
		return nil
	}
	return errors.Join(shared.stack.Stop(context.Background()), os.RemoveAll(shared.dir))
}
