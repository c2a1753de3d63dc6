package stack

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// tryLock locks a file. It returns nil if another process or another caller in this one holds the lock. Closing the
// file releases the lock, and so does the end of the process.
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
