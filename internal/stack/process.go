package stack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopGrace is how long a part may take to end after SIGTERM. All of them end within two seconds when idle.
const stopGrace = 10 * time.Second

// command is what to run: a program, its arguments and its whole environment.
type command struct {
	program     string
	arguments   []string
	environment []string
	directory   string
}

// process is a running part, with whatever processes it started in turn.
type process struct {
	part  Part
	cmd   *exec.Cmd
	guard *guard
	log   *logFile
	done  chan struct{} // closed when the process and all that share its output are gone
	err   error         // how it ended, to be read after done
}

// startProcess runs c with its output in logPath.
func startProcess(part Part, c command, logPath string) (*process, error) {
	log, err := createLog(logPath)
	if err != nil {
		return nil, err
	}
	guard, err := newGuard()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", part, err), log.Close())
	}
	cmd := exec.Command(c.program, c.arguments...)
	cmd.Env, cmd.Dir = c.environment, c.directory
	// Not *os.File on purpose: exec then makes a pipe and Wait returns only when every process that inherited it has
	// ended, so a server that its launcher left behind is waited for as well.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes(guard.group())
	p := &process{part: part, cmd: cmd, guard: guard, log: log, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	return p, nil
}

// run starts the process, reports on started, and waits. It keeps its thread for as long as the process lives, because
// on Linux the child dies with the thread that started it.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
	p.guard.release()
	_ = p.log.Close()
}

// stop asks the process group to end and returns when it is gone. It is killed after stopGrace or when ctx ends. A nil
// process is gone already.
func (p *process) stop(ctx context.Context) {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// signal reaches the whole process group. It fails only when the group is gone, which is what every signal is for.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.guard.group(), s)
	}
}

// exitError says how the process ended, with the last lines of its log. Only after done.
func (p *process) exitError() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s stopped (%s); the end of %s:\n%s", p.part, how, p.log.path, p.log.tail())
}
