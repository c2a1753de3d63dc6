//go:build !linux

package stack

import "syscall"

// childAttributes puts a child into the process group of its guard. Ctrl-C then reaches only this process, which stops
// the parts in order. The guard alone kills the child when this process dies.
func childAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group}
}
