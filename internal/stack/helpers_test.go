package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMain lets the test binary be the process that TestGuard kills.
func TestMain(m *testing.M) {
	if fifo := os.Getenv(helperVariable); fifo != "" {
		os.Exit(helper(fifo))
	}
	os.Exit(m.Run())
}

// script writes a shell script and returns its path.
func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	// The test points PATH elsewhere, but the scripts need their tools.
	if err := os.WriteFile(path, []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines is a writer that collects lines. It calls each function in when once, at the first line that contains its text.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	when map[string]func()
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.text.Write(b)
	var call []func()
	for text, do := range l.when {
		if strings.Contains(string(b), text) {
			call = append(call, do)
			delete(l.when, text)
		}
	}
	l.mu.Unlock()
	for _, do := range call {
		do()
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wantError fails unless err contains all of the texts.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that contains %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q, want it to contain %q", err, text)
		}
	}
}

// exists reports whether a file exists.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// installed returns the parts in the project's own .stack folder.
func installed(t *testing.T) Paths {
	t.Helper()
	paths, err := Find(t.Context(), filepath.Join("..", "..", ".stack"), AllParts()...)
	if err != nil {
		t.Fatalf("%v: run `make stack`; `make test` does it", err)
	}
	return paths
}
