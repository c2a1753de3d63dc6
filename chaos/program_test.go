package chaos

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"iris/internal/testenv"
)

// build compiles the binary, as a release does.
func build(dir string) (string, error) {
	root, err := testenv.Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "iris")
	command := exec.Command("go", "build", "-o", program, "./cmd/iris")
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}

// program is a process of Iris under a supervisor: when it ends, it is started again.
type program struct {
	name, path  string
	command     string // of the binary
	environment []string
	url         string // of an API

	mu      sync.Mutex
	process *os.Process
	closing bool
	log     *os.File
	starts  int
	ended   chan struct{} // closed when the supervisor has ended
}

// startProgram starts a supervised process, which logs to a file in dir.
func startProgram(p *program, dir string) error {
	log, err := os.OpenFile(filepath.Join(dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p.log, p.ended = log, make(chan struct{})
	first := make(chan error)
	go p.supervise(first)
	return <-first
}

// restartPause is the time between the end of a process and its next start.
const restartPause = 300 * time.Millisecond

// supervise starts the process again and again until close. It keeps its thread, because on Linux a process dies with
// the thread that started it: no process outlives the tests.
func (p *program) supervise(first chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	command, err := p.start()
	first <- err
	for err == nil {
		_ = command.Wait() // the error says that it was killed
		time.Sleep(restartPause)
		command, err = p.start()
	}
}

func (p *program) start() (*exec.Cmd, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, os.ErrProcessDone
	}
	command := exec.Command(p.path, p.command)
	command.Env, command.Stdout, command.Stderr = p.environment, p.log, p.log
	command.SysProcAttr = dieWithParent()
	if err := command.Start(); err != nil {
		return nil, err
	}
	p.process = command.Process
	p.starts++
	return command, nil
}

// signal sends a signal to the present process.
func (p *program) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.Signal(s)
}

// started returns how often the process was started.
func (p *program) started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

// close kills the process and ends its supervisor.
func (p *program) close() {
	p.mu.Lock()
	p.closing = true
	_ = p.process.Kill()
	p.mu.Unlock()
	<-p.ended
	_ = p.log.Close()
}

// answers reports whether an API answers.
func (p *program) answers() bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get(p.url + "/healthz")
	return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// freeAddress returns a loopback address on which nothing listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
