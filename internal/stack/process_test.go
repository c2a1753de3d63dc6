package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// helperVariable makes the test binary run helper instead of the tests. Its value is a named pipe.
const helperVariable = "IRIS_STACK_TEST_FIFO"

// family is a script whose processes all hold the named pipe open. Its reader sees the end of the pipe when the last
// process has ended.
const family = `exec 3>"$1"
( echo grandchild >&3; exec sleep 1000 ) &
echo child >&3
wait`

// helper starts a family and waits to be killed.
func helper(fifo string) int {
	if _, err := startProcess(MinIO, command{
		program: "/bin/sh", arguments: []string{"-c", family, "family", fifo}, environment: os.Environ(),
	}, fifo+".log"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {}
}

// startFamily makes a pipe, calls start to start a family, and returns the pipe's reader when both processes are up.
func startFamily(t *testing.T, start func(fifo string)) *bufio.Reader {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	start(fifo)
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	r := bufio.NewReader(f)
	for range 2 {
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatalf("a process of the family did not come up: %v", err)
		}
	}
	return r
}

// wantGone waits for the end of the family, at most until the deadline of the test.
func wantGone(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("the family wrote %q, %v; want only its end", rest, err)
	}
}

func TestGuard_killsGrandchildrenWithTheirParent(t *testing.T) {
	var parent *exec.Cmd
	r := startFamily(t, func(fifo string) {
		parent = exec.CommandContext(t.Context(), os.Args[0])
		parent.Env = append(os.Environ(), helperVariable+"="+fifo)
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
	})
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // reports that it was killed
	wantGone(t, r)
}

func TestProcess_stopEndsTheWholeGroup(t *testing.T) {
	var p *process
	r := startFamily(t, func(fifo string) { p = mustStart(t, family, fifo) })
	p.stop(t.Context())
	wantGone(t, r)
	p.stop(t.Context()) // the second call does nothing
}

func TestProcess_stopKillsWhatIgnoresIt(t *testing.T) {
	p := mustStart(t, `trap '' TERM; echo deaf; while :; do sleep 0.01; done`)
	heard := func(context.Context) error {
		if !strings.Contains(p.log.tail(), "deaf") {
			return errors.New("not yet")
		}
		return nil
	}
	if err := awaitReady(t.Context(), p, heard); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.stop(ctx)
	wantError(t, p.exitError(), "minio stopped (signal: killed)", "deaf")
}

func TestProcess_exitErrorHasTheEndOfTheLog(t *testing.T) {
	p := mustStart(t, `i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo "line $i" >&2; done; exit 7`)
	<-p.done
	err := p.exitError()
	wantError(t, err, "exit status 7", p.log.path, "line 100", "line 89\n")
	if strings.Contains(err.Error(), "line 88\n") {
		t.Errorf("error %q has more than the last %d lines", err, tailLines)
	}
	whole, readErr := os.ReadFile(p.log.path)
	if readErr != nil || !strings.HasPrefix(string(whole), "line 1\n") {
		t.Errorf("the log begins %.20q, %v; want all of the output", whole, readErr)
	}
}

func TestProcess_endOfLongLinesIsKept(t *testing.T) {
	p := mustStart(t, `i=0; while [ $i -lt 200 ]; do i=$((i+1)); printf '%0100d' $i; done; exit 1`)
	<-p.done
	if got := len(p.log.tail()); got > tailBytes+10 {
		t.Errorf("%d bytes of log are kept, want at most %d", got, tailBytes)
	}
	wantError(t, p.exitError(), "00200")
}

func TestProcess_exitErrorOfAnOrderlyEnd(t *testing.T) {
	p := mustStart(t, `exit 0`)
	<-p.done
	wantError(t, p.exitError(), "minio stopped (exit status 0)")
}

func TestStartProcess_errors(t *testing.T) {
	dir := t.TempDir()
	_, err := startProcess(MLflow, command{program: filepath.Join(dir, "absent")}, filepath.Join(dir, "log"))
	wantError(t, err, "start mlflow", "absent")
	_, err = startProcess(MLflow, command{program: "/bin/sh"}, filepath.Join(dir, "no folder", "log"))
	wantError(t, err, "no folder")
}

func TestCreateLog_keepsTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, text := range []string{"first", "second"} {
		l, err := createLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{path: "second", path + ".old": "first"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s contains %q, %v; want %q", filepath.Base(file), got, err, want)
		}
	}
}

// mustStart runs a shell script as a process that ends with the test.
func mustStart(t *testing.T, body string, arguments ...string) *process {
	t.Helper()
	p, err := startProcess(MinIO, command{
		program: "/bin/sh", arguments: append([]string{"-c", body, "script"}, arguments...), environment: os.Environ(),
	}, filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
	})
	return p
}
