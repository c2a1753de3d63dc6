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

// script is a Python program that reads a file of cases, checks each, and reports on each in one line.
type script struct {
	name    string // the name of its file
	code    []byte
	python  string        // the interpreter of the environment with its imports
	timeout time.Duration // bounds all cases together
}

// check runs the program on the given number of cases and logs its report.
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
	// The program starts servers in process groups of their own, and ends them when it is interrupted.
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
