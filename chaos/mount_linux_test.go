package chaos

import "syscall"

// mount mounts a small file system in memory.
func mount(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize) }

func unmount(dir string) { _ = syscall.Unmount(dir, 0) }
