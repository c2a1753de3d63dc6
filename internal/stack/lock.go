package stack

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// tryLock takes the lock that file stands for, or returns nil when another process, or another caller in this one,
// holds
// it. Closing the file gives the lock back; the system does so too when the process dies.
func tryLock(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, f.Close()
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
}
