package testenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
)

// inFreshClone marks a run of this test binary in a module without a .stack folder.
const inFreshClone = "IRIS_TESTENV_FRESH_CLONE"

// Plain `go test ./...` on a fresh clone compiles no servers. Tests that need them fail, and one line says what to do.
func TestNeed_onAFreshClone(t *testing.T) {
	clone, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(clone, "go.mod"), []byte("module clone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"go", "python3"} {
		script := "#!/bin/sh\n: >" + filepath.Join(bin, "ran") + "\n"
		if err := os.WriteFile(filepath.Join(bin, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for test, want := range map[string]string{
		"TestBucket_isEmptyAndNew":  ": run `make stack`; `make test` does it\n",
		"TestPrograms_inFreshClone": ": run `go run ./internal/testenv/install interop`; ",
	} {
		t.Run(test, func(t *testing.T) {
			binary, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run=^"+test+"$")
			command.Dir = clone
			command.Env = []string{"PATH=" + bin, "HOME=" + clone, inFreshClone + "=1"}
			out, err := command.Output()
			said := string(out)
			if err == nil || !strings.Contains(said, "--- FAIL: "+test) || strings.Contains(said, "SKIP") {
				t.Errorf("the test ended with %v, want it to fail:\n%s", err, said)
			}
			if strings.Count(said, "not installed in "+clone) != 1 || !strings.Contains(said, want) {
				t.Errorf("the test does not say %q:\n%s", want, said)
			}
		})
	}
	if ran, err := filepath.Glob(filepath.Join(bin, "ran")); err != nil || len(ran) != 0 {
		t.Errorf("%v, %v: an install was started", ran, err)
	}
}

// It is run by the test above alone.
func TestPrograms_inFreshClone(t *testing.T) {
	if os.Getenv(inFreshClone) != "" {
		testenv.Programs(t, stack.Interop)
	}
}
