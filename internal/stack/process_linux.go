package stack

import "syscall"

// childAttributes puts a child into the process group of its guard. Ctrl-C then reaches only this process, which stops
// the parts in order. The kernel kills the child when the thread that started it ends.
func childAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL}
}
