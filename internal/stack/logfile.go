package stack

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// tailBytes and tailLines bound the end of a log that error messages contain.
const (
	tailBytes = 4 << 10
	tailLines = 12
)

// logFile is the log of a part or an install: a file, and its end in memory.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
	end  []byte
}

// createLog creates an empty log and renames the previous one to path.old.
func createLog(path string) (*logFile, error) {
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, file: file}, nil
}

// Write never fails, because a full disk must not stop the part that logs.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.Write(b)
	l.end = append(l.end, b...)
	if n := len(l.end) - tailBytes; n > 0 {
		l.end = append(l.end[:0], l.end[n:]...)
	}
	return len(b), nil
}

// Close closes the file. tail still works.
func (l *logFile) Close() error { return l.file.Close() }

// tail returns the last lines, indented.
func (l *logFile) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(string(bytes.TrimSpace(l.end)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}
