package stack

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// guard is a shell that leads the process group of a part and kills the group when this process dies for any reason. It
// reads from a pipe whose other end only this process holds. The kernel's Pdeathsig exists only on Linux and does not
// reach grandchildren, such as the server that MLflow's launcher starts. A guard starts before its part, so a part
// never runs without one.
type guard struct {
	shell *exec.Cmd
	alive *os.File // this process's end of the pipe
}

// newGuard starts a guard in a new process group. The guard ignores SIGTERM, which asks its part to end.
func newGuard() (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	shell := exec.Command("/bin/sh", "-c", "trap '' TERM; read -r _; kill -KILL 0", "iris-guard")
	shell.Stdin = r
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = shell.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &guard{shell: shell, alive: w}, nil
}

// group returns the process group that the guard leads.
func (g *guard) group() int { return g.shell.Process.Pid }

// release ends the guard and the rest of its group.
func (g *guard) release() {
	_ = g.alive.Close()
	_ = g.shell.Wait() // always an error, because the guard kills itself too
}
