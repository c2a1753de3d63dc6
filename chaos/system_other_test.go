//go:build !linux

package chaos

import (
	"errors"
	"syscall"
)

// mount fails: only Linux has a file system in memory that a program can mount like this.
func mount(string) error { return errors.New("not on this system") }

func unmount(string) {}

// dieWithParent does nothing: only Linux kills a process whose parent is gone.
func dieWithParent() *syscall.SysProcAttr { return nil }
