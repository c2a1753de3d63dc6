//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is a process that the run started, with its descendants.
type program struct {
	name    string
	pid     int
	log     string        // the file with its output
	started time.Time     // just before the start
	done    chan struct{} // closed when it has ended
}

const (
	readyTime = 2 * time.Minute  // bounds the start of a server; Python takes seconds, more on a busy machine
	stopTime  = 10 * time.Second // between SIGTERM and SIGKILL
)

// run starts a program that ends with the test, or with this process if this process is killed.
func run(t testing.TB, name string, environment []string, path string, arguments ...string) *program {
	t.Helper()
	p := &program{name: name, log: filepath.Join(t.TempDir(), name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, arguments...) // not CommandContext: the context of the test ends before its cleanups
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(p.log), log, log
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "PYTHONUNBUFFERED=1")
	cmd.Env = append(cmd.Env, environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	p.started = time.Now()
	go func() {
		runtime.LockOSThread() // Pdeathsig fires when the starting thread ends
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		_ = log.Close()
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p.pid = cmd.Process.Pid
	t.Cleanup(p.stop)
	return p
}

// stop ends the program and its process group: first with SIGTERM, then with SIGKILL.
func (p *program) stop() {
	_ = syscall.Kill(-p.pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // also ends what the program left behind
	<-p.done
}

// await polls until wrong returns nil. It fails the test if the program ends first.
func (p *program) await(t testing.TB, every time.Duration, wrong func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTime)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := wrong()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended before it answered; its output ends with\n%s", p.name, p.tail())
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v; its output ends with\n%s", p.name, err, p.tail())
		}
	}
}

// tail returns the end of the program's output.
func (p *program) tail() string {
	const limit = 4000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-limit):])
}

// usage has the resources that a program and its children have used.
type usage struct {
	cpu  time.Duration // user and system, since the start
	rss  int64         // bytes now; shared pages count for each process
	peak int64         // peak bytes of the first process
}

// usage reads /proc. It does not count children that have ended, which no server here has.
func (p *program) usage(t testing.TB) usage {
	t.Helper()
	var u usage
	for _, pid := range tree(t, p.pid) {
		fields, err := statOf(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		const ticks = 100 // per second, on every Linux that Go supports
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				t.Fatalf("stat of process %d: %v", pid, err)
			}
			u.cpu += time.Duration(n) * time.Second / ticks
		}
		u.rss += memory(pid, "VmRSS:")
	}
	u.peak = memory(p.pid, "VmHWM:")
	return u
}

// tree returns a process and its descendants.
func tree(t testing.TB, root int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	children := make(map[int][]int)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields, err := statOf(pid); err == nil {
			if parent, err := strconv.Atoi(fields[1]); err == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// statOf returns the fields of /proc/pid/stat after the name: state, parent, …
func statOf(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return nil, fmt.Errorf("/proc/%d/stat holds %q", pid, text)
	}
	return fields, nil
}

// memory returns a line of /proc/pid/status in bytes, or 0 if the process has ended.
func memory(pid int, key string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kilobytes << 10
			}
		}
	}
	return 0
}

// freeAddress returns an address on which nothing listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// direct connects to servers on this machine, never through a proxy.
var direct = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, Timeout: time.Minute}
