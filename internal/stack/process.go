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

// stopGrace is how long a part may take to end after SIGTERM. An idle one takes at most two seconds.
const stopGrace = 10 * time.Second

// command is a program with its arguments and its complete environment.
type command struct {
	program     string
	arguments   []string
	environment []string
	directory   string
}

// process is a running part, including the processes that it started.
type process struct {
	part  Part
	cmd   *exec.Cmd
	guard *guard
	log   *logFile
	done  chan struct{} // closed when the process and all that share its output have ended
	err   error         // of Wait; valid after done
}

// startProcess runs c and writes its output to logPath.
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
	// The log is not an *os.File, so exec makes a pipe, and Wait returns only after every process that inherited it has
	// ended. That includes a server whose launcher has ended.
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

// run starts the process, reports on started, and waits. It keeps its thread until the process has ended, because on
// Linux the child dies with the thread that started it.
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

// stop asks the process group to end and returns when it has ended. It kills the group after stopGrace or at the end of
// ctx. It does nothing on a nil process.
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

// signal sends a signal to the whole process group. It ignores the one possible error, that the group has ended.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.guard.group(), s)
	}
}

// exitError describes how the process ended, with the last lines of its log. It is valid after done.
func (p *process) exitError() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s stopped (%s); the end of %s:\n%s", p.part, how, p.log.path, p.log.tail())
}
