//go:build bench && linux

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// setting returns a whole number from the environment, so that a short run can try the code.
func setting(t testing.TB, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a whole number from 1", name, text)
	}
	return n
}

// versionIn returns the version of a package in a Python environment.
func versionIn(t testing.TB, python, name string) string {
	t.Helper()
	return ask(t, python, "import importlib.metadata as m; print(m.version("+strconv.Quote(name)+"))")
}

func pythonVersion(t testing.TB, python string) string {
	t.Helper()
	return ask(t, python, "import platform; print(platform.python_version())")
}

func ask(t testing.TB, python, program string) string {
	t.Helper()
	out, err := exec.Command(python, "-c", program).Output()
	if err != nil {
		t.Fatalf("%s -c %q: %v", python, program, err)
	}
	return strings.TrimSpace(string(out))
}

// tableOf reads a CSV of the project.
func tableOf(t testing.TB, csv []byte) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
