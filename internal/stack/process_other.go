//go:build !linux

package stack

import "syscall"

// childAttributes puts a child into the process group of its guard, so that Ctrl-C reaches only us and we stop the
// parts in
// order. What Linux does by itself when we die, the guard does here.
func childAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group}
}
