//go:build !linux

package child

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }

// sacrifice does nothing: the process only watches itself.
func sacrifice(int64) {}
