package chaos

import "syscall"

// mount mounts a small file system in memory.
func mount(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize) }

func unmount(dir string) { _ = syscall.Unmount(dir, 0) }

// dieWithParent makes the kernel kill a process whose parent is gone.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
