package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// diskSize is the size of the file system on which MinIO keeps its objects, if the tests may mount one.
const diskSize = "1g"

// disk is where MinIO keeps its objects: a small file system in memory, or a folder where the tests may not mount one.
type disk struct {
	dir     string
	mounted bool
}

func newDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &disk{dir: dir, mounted: mount(dir) == nil}, nil
}

// fill leaves no byte of the disk free. It returns false if the disk is not a file system of its own.
func (d *disk) fill() (bool, error) {
	if !d.mounted {
		return false, nil
	}
	file, err := os.Create(d.ballast())
	if err != nil {
		return true, err
	}
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err = file.Write(block[:size]); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			break
		}
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return true, errors.Join(err, file.Close())
}

// empty removes what fill wrote.
func (d *disk) empty() error { return os.Remove(d.ballast()) }

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

func (d *disk) close() {
	if d.mounted {
		unmount(d.dir)
	}
}
