package stack

import "syscall"

// childAttributes puts a child into the process group of its guard, so that Ctrl-C reaches only us and we stop the
// parts in
// order, and has the kernel kill it when the thread that started it ends.
func childAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL}
}
