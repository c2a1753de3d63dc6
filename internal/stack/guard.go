package stack

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// guard is a shell that leads the process group of a part and kills the group when we die, whatever we die of: it reads
// from a pipe whose other end only we hold. The kernel's own way (Pdeathsig) exists only on Linux and spares
// grandchildren, such as the server that MLflow's launcher starts. Because the guard is there first, there is no moment
// at which a part runs without one.
type guard struct {
	shell *exec.Cmd
	alive *os.File // the end of the pipe that we hold
}

// newGuard starts a guard with a new group. The signal that asks a part to end does not end the guard.
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

// group is the process group that the guard leads.
func (g *guard) group() int { return g.shell.Process.Pid }

// release ends the guard, and with it whatever is left of the group.
func (g *guard) release() {
	_ = g.alive.Close()
	_ = g.shell.Wait() // always an error: it kills itself as well
}
