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

// program is a process that the run started, with all that it started in turn.
type program struct {
	name    string
	pid     int
	log     string        // the file that it writes to
	started time.Time     // just before it was
	done    chan struct{} // closed when it has ended
}

const (
	readyTime = 2 * time.Minute  // of a server to its first answer; Python takes seconds, more on a busy machine
	stopTime  = 10 * time.Second // from asking to killing
)

// run starts a program that ends with the test, or with this process if that is killed.
func run(t testing.TB, name string, environment []string, path string, arguments ...string) *program {
	t.Helper()
	p := &program{name: name, log: filepath.Join(t.TempDir(), name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, arguments...) // without the context of the test, which ends before its cleanups
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(p.log), log, log
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "PYTHONUNBUFFERED=1")
	cmd.Env = append(cmd.Env, environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	p.started = time.Now()
	go func() {
		runtime.LockOSThread() // the process ends with the thread that started it
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

// stop ends the program and everything in its group. What is asked to end may do so in its own order; nothing is left.
func (p *program) stop() {
	_ = syscall.Kill(-p.pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // also for what the program left behind
	<-p.done
}

// await asks until nothing is wrong, which a dead program never reaches.
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

// tail is the end of what the program wrote.
func (p *program) tail() string {
	const most = 4000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// usage is what a program and its children have used.
type usage struct {
	cpu  time.Duration // user and system, since they began
	rss  int64         // bytes now; what processes share counts for each
	peak int64         // the most bytes that the first process had
}

// usage reads /proc. Children that ended in between are not counted: no server here has such.
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
		const ticks = 100 // a second, on every Linux that Go runs on
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

// tree lists a process and all below it.
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

// statOf returns the fields of /proc/pid/stat behind the name: state, parent, …
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

// memory is a line of /proc/pid/status in bytes, 0 for a process that is gone.
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

// freeAddress is one on which nothing listens now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// direct speaks to servers of this machine, never through a proxy.
var direct = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, Timeout: time.Minute}
