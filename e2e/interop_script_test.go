//go:build interop

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// script is a Python program that checks cases: it is given a file of them and reports on each in a line.
type script struct {
	name    string // of its file
	code    []byte
	python  string        // of the environment that has what it imports
	timeout time.Duration // for all cases
}

// check runs the program on so many cases. Its report goes to the log of the test.
func (s *iris) check(p script, given any, cases int) {
	s.t.Helper()
	dir := s.t.TempDir()
	encoded, err := json.Marshal(given)
	if err != nil {
		s.t.Fatal(err)
	}
	program, file := filepath.Join(dir, p.name), filepath.Join(dir, "cases.json")
	for path, content := range map[string][]byte{program: p.code, file: encoded} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), p.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.python, program, file)
	cmd.Dir = dir
	cmd.Env = append(
		os.Environ(),
		"MLFLOW_TRACKING_URI="+s.addresses.MLflow,
		"MLFLOW_DISABLE_TELEMETRY=true",
		"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false",
		"NO_PROXY=127.0.0.1,localhost",
		"no_proxy=127.0.0.1,localhost",
		"PYTHONUNBUFFERED=1",
	)
	// The servers that a program starts are in groups of their own, which it ends itself when it is asked to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		s.t.Log(strings.TrimSpace(line))
	}
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", p.name, err, complaints.Bytes())
	}
	if got := bytes.Count(out, []byte("\n")); got != cases {
		s.t.Errorf("%s reports on %d of %d cases", p.name, got, cases)
	}
}
