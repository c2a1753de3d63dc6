//go:build !linux

package chaos

import "errors"

// mount fails: only Linux has a file system in memory that a program can mount like this.
func mount(string) error { return errors.New("not on this system") }

func unmount(string) {}
